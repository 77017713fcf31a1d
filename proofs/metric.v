(* Chapter "The metric behind the volume": Lemma 5.5 with (5.6), and the exponents of Proposition 1.3. *)
From mathcomp Require Import all_ssreflect all_algebra.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
From Mme Require Import fields balance chebyshev gram blocks vandermonde.
Open Scope ring_scope.

(* The operator A_{N,X} of the metric, with p from 0; P and Q are the N-th roots of X X^* and of X^* X. *)
Definition operator (K : fieldType) (F : field_over K) d N (P Q Z : 'M[F]_d) : 'M[F]_d :=
  \sum_(p < N) mxpow P (N.-1 - p) *m Z *m mxpow Q p.

(* E_kl^e = u_k e v_l^*, with the columns u_k of U and v_l of V *)
Definition eigenmatrix (K : fieldType) (F : field_over K) d (U V : 'M[F]_d)
    (x : 'I_d * 'I_d * 'I_(beta F)) : 'M[F]_d :=
  let: (k, l, e) := x in U *m (unit e *: delta_mx k l) *m V^*.

Definition mu (K : fieldType) d N (lam : 'I_d -> K) k l : K :=
  \sum_(p < N) lam k ^+ (2 * (N.-1 - p)) * lam l ^+ (2 * p).

(* The real matrix of a map in the basis of the E_kl^e, in some order *)
Definition real_matrix (K : fieldType) (F : field_over K) d (U V : 'M[F]_d) (f : 'M[F]_d -> 'M[F]_d) :
    'M[K]_#|{: 'I_d * 'I_d * 'I_(beta F)}| :=
  \matrix_(i, j) pair (eigenmatrix U V (enum_val i)) (f (eigenmatrix U V (enum_val j))).

Section Operator.
Variables (K : fieldType) (F : field_over K) (d : nat) (U V : 'M[F]_d) (lam : 'I_d -> K) (N : nat).
Hypotheses (uU : unitary U) (uV : unitary V).
Implicit Types x y : 'I_d * 'I_d * 'I_(beta F).

Let square k := lam k ^+ 2.
Let P := U *m diag F square *m U^*.
Let Q := V *m diag F square *m V^*.

Lemma mxpow_frame (A : 'M[F]_d) n : unitary A ->
  mxpow (A *m diag F square *m A^*) n = A *m diag F (fun k => lam k ^+ (2 * n)) *m A^*.
Proof.
move=> [lA rA]; elim: n => [|n IH] /=.
  rewrite (_ : diag F _ = 1%:M) ?mulmx1 ?rA //.
  by rewrite -diag1; apply/matrixP => i j; rewrite !mxE muln0 expr0.
rewrite IH !mulmxA -(mulmxA _ A^*) lA mulmx1 -(mulmxA A) diag_mul.
by congr (_ *m _ *m _); apply/matrixP => i j; rewrite !mxE /square -exprD mulnS.
Qed.

Lemma eigenvalue x : operator N P Q (eigenmatrix U V x) = (mu N lam x.1.1 x.1.2)%:A *: eigenmatrix U V x.
Proof.
case: x => [[k l] e] /=; rewrite /operator.
have term p : mxpow P (N.-1 - p) *m (U *m (unit e *: delta_mx k l) *m V^*) *m mxpow Q p =
  (lam k ^+ (2 * (N.-1 - p)) * lam l ^+ (2 * p))%:A *: (U *m (unit e *: delta_mx k l) *m V^*).
  have [lU _] := uU; have [lV _] := uV; rewrite !mxpow_frame //.
  set c := lam k ^+ _ * _; set B := unit e *: _.
  transitivity (U *m (diag F (fun k => lam k ^+ (2 * (N.-1 - p))) *m B *m
                      diag F (fun k => lam k ^+ (2 * p))) *m V^*).
    by rewrite !mulmxA -(mulmxA _ U^*) lU mulmx1 -(mulmxA _ V^*) lV mulmx1.
  have -> : diag F (fun k => lam k ^+ (2 * (N.-1 - p))) *m B *m diag F (fun k => lam k ^+ (2 * p)) = c%:A *: B.
    apply/matrixP => i j; rewrite mulmx_diag mul_diag !mxE.
    case: (altP (i =P k)) => [->|_]; last by rewrite mulr0n !mulr0 !scaler0.
    case: (altP (j =P l)) => [->|_]; last by rewrite mulr0n !mulr0 !scaler0.
    by rewrite -[in RHS]scalerAl !mul1r scalerA /c (mulrC (lam k ^+ _)); congr (_ *: _).
  have pass (A : 'M[F]_d) : A *m (c%:A *: B) = c%:A *: (A *m B).
    apply/matrixP => i j; rewrite !mxE mulr_sumr; apply: eq_bigr => m _.
    by rewrite [(c%:A *: B) m j]mxE !mulrA real_comm.
  by rewrite pass [RHS]scalemxAl.
under eq_bigr do rewrite term.
by rewrite -scaler_suml -scaler_suml.
Qed.

Lemma pair_place (s : F) k l (Y : 'M[F]_d) : pair (s *: delta_mx k l) Y = re (conj s * Y k l).
Proof.
rewrite pairE (bigD1 k) //= [X in _ + X]big1 => [|i ne]; last first.
  apply: big1 => j _; rewrite !mxE (negbTE ne) mulr0n mulr0.
  by rewrite (linear0 (conj : {linear F -> F})) mul0r linear0.
rewrite addr0 (bigD1 l) //= [X in _ + X]big1 => [|j ne]; last first.
  by rewrite !mxE eqxx (negbTE ne) mulr0n mulr0 (linear0 (conj : {linear F -> F})) mul0r linear0.
by rewrite addr0 !mxE !eqxx mulr1.
Qed.

Lemma eigen_orthonormal x y : pair (eigenmatrix U V x) (eigenmatrix U V y) = (x == y)%:R.
Proof.
case: x y => [[k l] e] [[k' l'] e'] /=.
rewrite pair_unitary //; last exact: unitary_adj.
rewrite pair_place !mxE !xpair_eqE.
case: andP => _; first by rewrite mulr1 re_unit.
by rewrite mulr0n !mulr0 linear0.
Qed.

Lemma eigen_span (Z : 'M[F]_d) : Z = \sum_x (pair (eigenmatrix U V x) Z)%:A *: eigenmatrix U V x.
Proof.
have [_ rU] := uU; have [_ rV] := uV; pose Y := U^* *m Z *m V.
have UYV : U *m Y *m V^* = Z by rewrite /Y !mulmxA rU mul1mx -mulmxA rV mulmx1.
have c x : pair (eigenmatrix U V x) Z = re (conj (unit x.2) * Y x.1.1 x.1.2).
  case: x => [[k l] e] /=; rewrite -[in LHS]UYV pair_unitary //; last exact: unitary_adj.
  exact: pair_place.
have YE : Y = \sum_x (re (conj (unit x.2) * Y x.1.1 x.1.2))%:A *: (unit x.2 *: delta_mx x.1.1 x.1.2).
  apply/matrixP => i j; rewrite summxE [LHS]unit_span.
  rewrite -(pair_bigA _ (fun kl e =>
    ((re (conj (unit e) * Y kl.1 kl.2))%:A *: (unit e *: delta_mx kl.1 kl.2) : 'M[F]_d) i j)) /=.
  rewrite (bigD1 (i, j)) //= [X in _ + X]big1 ?addr0 => [|[k l] ne].
    by apply: eq_bigr => e _; rewrite !mxE !eqxx mulr1 -scalerAl mul1r.
  apply: big1 => e _; rewrite !mxE (_ : (i == k) && (j == l) = false) ?mulr0 //.
  by rewrite -xpair_eqE eq_sym (negbTE ne).
rewrite -[LHS]UYV [Y in LHS]YE mulmx_sumr mulmx_suml; apply: eq_bigr => -[[k l] e] _.
by rewrite c /= mulmx_realZ -scalemxAl.
Qed.

Lemma det_operator : \det (real_matrix U V (operator N P Q)) = \prod_k \prod_l mu N lam k l ^+ beta F.
Proof.
have -> : real_matrix U V (operator N P Q) =
    diag_mx (\row_i mu N lam (enum_val i).1.1 (enum_val i).1.2).
  apply/matrixP => i j; rewrite !mxE eigenvalue.
  have pairZ (c : K) (A B : 'M[F]_d) : pair A (c%:A *: B) = c * pair A B.
    rewrite !pairE mulr_sumr; apply: eq_bigr => m _; rewrite mulr_sumr; apply: eq_bigr => n _.
    by rewrite mxE -scalerAl mul1r -scalerAr linearZ.
  rewrite pairZ eigen_orthonormal (inj_eq enum_val_inj).
  by case: eqP => [->|_]; rewrite ?mulr1 ?mulr0.
rewrite det_diag; under eq_bigr do rewrite mxE.
rewrite -(@big_enum_val _ _ _ _ {: 'I_d * 'I_d * 'I_(beta F)} (fun x => mu N lam x.1.1 x.1.2)) /=.
rewrite -(pair_bigA _ (fun (kl : 'I_d * 'I_d) (e : 'I_(beta F)) => mu N lam kl.1 kl.2)) /=.
rewrite [RHS]pair_bigA; apply: eq_bigr => kl _ /=.
by rewrite prodr_const card_ord.
Qed.

End Operator.

(* Over ordered pairs: those with k < l twice, and each k *)
Lemma prod_pairs (K : fieldType) d (f : 'I_d -> 'I_d -> K) : (forall k l, f k l = f l k) ->
  \prod_k \prod_l f k l = (\prod_(kl : 'I_d * 'I_d | (kl.1 < kl.2)%N) f kl.1 kl.2) ^+ 2 * \prod_k f k k.
Proof.
move=> sym; rewrite pair_bigA (bigID (fun kl : 'I_d * 'I_d => (kl.1 < kl.2)%N)) /= expr2 -mulrA; congr (_ * _).
rewrite (bigID (fun kl : 'I_d * 'I_d => kl.1 == kl.2)) /= mulrC; congr (_ * _).
  rewrite (reindex_inj (h := fun kl : 'I_d * 'I_d => (kl.2, kl.1))) /=; last by move=> [k l] [k' l'] /= [-> ->].
  apply: eq_big => [[k l]|[k l] _] /=; last exact: sym.
  by rewrite -val_eqE /=; case: ltngtP.
rewrite (reindex_onto (fun k => (k, k)) fst) /=; last by move=> [k l] /= /andP[_ /eqP <-].
by apply: eq_bigl => k; rewrite ltnn !eqxx.
Qed.

Lemma mu_det (K : fieldType) d N (lam : 'I_d -> K) k l : (0 < N)%N ->
  mu N lam k l = \det (M N.-1 (lam k) (lam l)).
Proof. by move=> N0; rewrite eq_5_1_sum. Qed.

Lemma mu_sym (K : fieldType) d N (lam : 'I_d -> K) k l : (0 < N)%N -> mu N lam k l = mu N lam l k.
Proof. by move=> N0; rewrite !mu_det // !M_tridiag (addrC (lam l ^+ 2)) (mulrC (lam l)). Qed.

(** [lemma-5.5] X = U diag(sigma) V^* with sigma = lam^N, equal sigma included; for these the ratio in (5.6) is the
    product of sums that (1.3) gives. P and Q are the N-th roots of X X^* and X^* X, and
    (det Lambda)^(2(N-1)beta) is the power of det Sigma in (5.6). *)
Theorem lemma_5_5 (K : realFieldType) (F : field_over K) d N (U V : 'M[F]_d) (lam : 'I_d -> K) :
  (0 < N)%N -> unitary U -> unitary V -> (forall k, 0 < lam k) ->
  let X := U *m diag F (fun k => lam k ^+ N) *m V^* in
  let P := U *m diag F (fun k => lam k ^+ 2) *m U^* in
  let Q := V *m diag F (fun k => lam k ^+ 2) *m V^* in
  let A := operator N P Q in
  [/\ mxpow P N = X *m X^* /\ mxpow Q N = X^* *m X,
      (forall x y, pair (eigenmatrix U V x) (eigenmatrix U V y) = (x == y)%:R) /\
      (forall Z, Z = \sum_x (pair (eigenmatrix U V x) Z)%:A *: eigenmatrix U V x),
      forall x, A (eigenmatrix U V x) = (mu N lam x.1.1 x.1.2)%:A *: eigenmatrix U V x,
      forall k l, mu N lam k l =
        if lam k == lam l then N%:R * lam k ^+ (2 * N.-1)
        else (lam k ^+ N ^+ 2 - lam l ^+ N ^+ 2) / (lam k ^+ 2 - lam l ^+ 2)
    & let pairs := \prod_(kl : 'I_d * 'I_d | (kl.1 < kl.2)%N) mu N lam kl.1 kl.2 in
      \det (real_matrix U V A) =
      pairs ^+ (2 * beta F) * N%:R ^+ (d * beta F) * (\prod_k lam k) ^+ (2 * N.-1 * beta F) /\
      (injective lam -> pairs = van (fun k => lam k ^+ N ^+ 2) / van (fun k => lam k ^+ 2))].
Proof.
move=> N0 uU uV pos X P Q A.
have [[lU _] [lV _]] := (uU, uV).
have muE k l : mu N lam k l = if lam k == lam l then N%:R * lam k ^+ (2 * N.-1)
    else (lam k ^+ N ^+ 2 - lam l ^+ N ^+ 2) / (lam k ^+ 2 - lam l ^+ 2).
  rewrite mu_det //; case: eqP => [->|/eqP ne]; first exact: eq_5_3.
  by rewrite -!exprM (mulnC N) -eq_5_2 // mulrAC mulfV ?mul1r // subr_eq0 eqr_expn2 ?ltW.
split=> //.
- split; rewrite mxpow_frame // /X !adj_mul adjK adj_diag !mulmxA.
    rewrite -(mulmxA _ V^*) lV mulmx1 -[in RHS](mulmxA U) diag_mul.
    by congr (_ *m _ *m _); apply/matrixP => i j; rewrite !mxE -exprD addnn -mul2n.
  rewrite -(mulmxA _ U^*) lU mulmx1 -[in RHS](mulmxA V) diag_mul.
  by congr (_ *m _ *m _); apply/matrixP => i j; rewrite !mxE -exprD addnn -mul2n.
- by split; [exact: eigen_orthonormal | exact: eigen_span].
- by move=> x; apply: eigenvalue.
split=> [|inj]; last by rewrite van_ratio //; apply: eq_bigr => kl _; rewrite mu_det.
rewrite det_operator // prod_pairs; last by move=> k l; rewrite (mu_sym _ _ _ N0).
rewrite (_ : \prod_k mu N lam k k ^+ beta F = N%:R ^+ (d * beta F) * (\prod_k lam k) ^+ (2 * N.-1 * beta F)).
  by rewrite prodrXl -exprM (mulnC _ 2%N) -mulrA.
under eq_bigr do rewrite mu_det // eq_5_3 // exprMn -exprM.
by rewrite big_split /= prodr_const card_ord -exprM (mulnC d) prodrXl.
Qed.

(** [proposition-1.3: the powers] The fourth power of (1.5) without the volumes: vol = c^(N-1) (det G)^(1/2) by (5.5),
    and det Lambda is the N-th root of det Sigma. For beta = 2 the factors cancel, which is (1.7). *)
Theorem proposition_1_3 (K : realFieldType) (F : field_over K) d N (r : K)
    (U V : 'M[F]_d) (lam : 'I_d -> K) :
  2%:R * r ^+ 2 = 1 -> (0 < N)%N -> (0 < beta F)%N -> unitary U -> unitary V ->
  (forall k, 0 < lam k) -> injective lam ->
  let P := U *m diag F (fun k => lam k ^+ 2) *m U^* in
  let Q := V *m diag F (fun k => lam k ^+ 2) *m V^* in
  let detG := \det (gram F N.-1 r lam) in
  let detA := \det (real_matrix U V (operator N P Q)) in
  let detL := \prod_k lam k in
  detG ^+ 2 * (N%:R ^+ (2 * d) * detL ^+ (4 * N.-1)) =
  N%:R ^+ (beta F * d) * detL ^+ (2 * N.-1 * beta F) * detA /\ (beta F = 2%N -> detG ^+ 2 = detA).
Proof.
move=> rr N0 b0 uU uV pos inj P Q /=; have [_ _ _ _ [-> /(_ inj) ->]] := lemma_5_5 N0 uU uV pos.
rewrite (corollary_5_3 F rr N0 pos inj); set v := van _ / van _; set L := \prod_k lam k; set x := N%:R.
clearbody v L x; rewrite !exprMn -!exprM; set m := (2 * N.-1)%N.
have twice c b : (c * b * 2 + 2 * c = c * b.+1 + c * b.+1)%N.
  by rewrite muln2 mul2n mulnS -!addnn addnACA (addnC (c * b)%N).
split; last by move=> -> /=; rewrite !muln1.
have [b ->] : exists b, beta F = b.+1 by exists (beta F).-1; rewrite prednK.
rewrite succnK (_ : (4 * N.-1 = 2 * m)%N); last by rewrite mulnA.
have together (s a1 a2 b1 b2 c1 c2 e1 e2 : K) : a1 * b1 = c1 * e1 -> a2 * b2 = c2 * e2 ->
  s * a1 * a2 * (b1 * b2) = c1 * c2 * (s * e1 * e2).
  by move=> e f; rewrite mulrACA -[s * a1 * b1]mulrA e f -[s * e1 * e2]mulrA [RHS]mulrCA (mulrACA c1 c2) [RHS]mulrA.
rewrite (mulnC 2%N b.+1) (mulnC b.+1 d).
by apply: together; rewrite -!exprD -?(mulnA 2%N 2%N) -/m twice.
Qed.
