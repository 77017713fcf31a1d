(* Chapter "The orbit of the frames": Proposition 2.2, over R, C and H at once. Onto needs that a positive
   matrix has one positive root; the proof by telescoping needs no decomposition of the layers. *)
From mathcomp Require Import all_ssreflect all_algebra.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
From Mme Require Import fields balance.
Open Scope ring_scope.

(* Q_0 = V, then the frames Q_1, ..., Q_{N-1}, then Q_N = U *)
Definition chain (K : fieldType) (F : field_over K) d N (U V : 'M[F]_d) (Q : nat -> 'M[F]_d) p : 'M[F]_d :=
  if p == 0%N then V else if p == N then U else Q p.

(* (2.5) *)
Definition orbit_map (K : fieldType) (F : field_over K) d N (U V : 'M[F]_d) (lam : 'I_d -> K)
    (Q : nat -> 'M[F]_d) p : 'M[F]_d :=
  chain N U V Q p *m diag F lam *m (chain N U V Q p.-1)^*.

(* The frames of given layers: W_p ... W_1 V Lambda^-p *)
Definition frames_of (K : fieldType) (F : field_over K) d (V : 'M[F]_d) (lam : 'I_d -> K)
    (W : nat -> 'M[F]_d) p : 'M[F]_d :=
  phi p W *m V *m diag F (fun k => (lam k)^-1 ^+ p).

Section Orbit.
Variables (K : realFieldType) (F : field_over K) (d : nat).
Implicit Types (A B Z : 'M[F]_d) (W Q : nat -> 'M[F]_d).

Lemma re_square (x : F) : re (conj x * x) = \sum_e re (conj (unit e) * x) ^+ 2.
Proof.
rewrite {2}[x]unit_span mulr_sumr linear_sum; apply: eq_bigr => e _.
by rewrite -scalerAr linearZ /= -(re_conj (conj x * _)) conjM conjK expr2.
Qed.

Lemma pair_ge0 A : 0 <= pair A A.
Proof.
rewrite pairE; apply: sumr_ge0 => i _; apply: sumr_ge0 => j _; rewrite re_square.
by apply: sumr_ge0 => e _; exact: sqr_ge0.
Qed.

Lemma pair_eq0 A : pair A A = 0 -> A = 0.
Proof.
rewrite pairE => z; apply/matrixP => i j; rewrite mxE [LHS]unit_span big1 // => e _.
have sq (x : F) : 0 <= re (conj x * x) by rewrite re_square; apply: sumr_ge0 => e' _; exact: sqr_ge0.
have /eqP := z; rewrite psumr_eq0 => [/allP/(_ i (mem_index_enum i))/=|i' _]; last exact: sumr_ge0.
rewrite psumr_eq0 // => /allP/(_ j (mem_index_enum j))/=; rewrite re_square.
rewrite psumr_eq0 => [/allP/(_ e (mem_index_enum e))/=|e' _]; last exact: sqr_ge0.
by rewrite sqrf_eq0 => /eqP ->; rewrite scale0r.
Qed.

Lemma pair_moves A B C : pair (A *m B) C = pair B (A^* *m C).
Proof. by rewrite /pair adj_mul mulmxA. Qed.
End Orbit.

Section Frames.
Variables (K : realFieldType) (F : field_over K) (d N : nat) (U V : 'M[F]_d) (lam : 'I_d -> K).
Hypotheses (N0 : (0 < N)%N) (uU : unitary U) (uV : unitary V) (pos : forall k, 0 < lam k).
Implicit Types (A B S Z : 'M[F]_d) (W Q : nat -> 'M[F]_d).
Let L n := diag F (fun k => lam k ^+ n).
Let X := U *m L N *m V^*.

Lemma powers_mul m n : L m *m L n = L (m + n).
Proof. by rewrite /L diag_mul; apply/matrixP => i j; rewrite !mxE exprD. Qed.

Lemma powers_0 : L 0 = 1%:M.
Proof. by rewrite /L -diag1; apply/matrixP => i j; rewrite !mxE. Qed.

Lemma powers_inverse n : L n *m diag F (fun k => (lam k)^-1 ^+ n) = 1%:M.
Proof.
rewrite /L diag_mul -diag1; apply/matrixP => i j; rewrite !mxE exprVn divff //.
by rewrite expf_neq0 // lt0r_neq0.
Qed.

Lemma inverse_powers n : diag F (fun k => (lam k)^-1 ^+ n) *m L n = 1%:M.
Proof.
rewrite /L diag_mul -diag1; apply/matrixP => i j; rewrite !mxE exprVn mulVf //.
by rewrite expf_neq0 // lt0r_neq0.
Qed.

Lemma diag_L : diag F lam = L 1.
Proof. by rewrite /L; apply/matrixP => i j; rewrite !mxE. Qed.

Lemma chain_unitary Q p : (forall q, (0 < q < N)%N -> unitary (Q q)) -> (p <= N)%N -> unitary (chain N U V Q p).
Proof.
move=> uQ le; rewrite /chain; case: posnP => // p0; case: eqP => // /eqP ne.
by apply: uQ; rewrite p0 ltn_neqAle ne.
Qed.

(* The product of the first p layers *)
Lemma phi_orbit_map Q p : (forall q, (0 < q < N)%N -> unitary (Q q)) -> (p <= N)%N ->
  phi p (orbit_map N U V lam Q) = chain N U V Q p *m L p *m V^*.
Proof.
move=> uQ; elim: p => [|p IH] le /=; first by rewrite powers_0 mulmx1; case: uV => _ ->.
rewrite IH ?(ltnW le) // /orbit_map /= !mulmxA; congr (_ *m _).
have [l _] := chain_unitary uQ (ltnW le); rewrite -(mulmxA _ (chain _ _ _ _ p)^*) l mulmx1.
by rewrite -(mulmxA (chain _ _ _ _ _)) diag_L powers_mul add1n.
Qed.

(* Into *)
Lemma orbit_map_into Q : (forall q, (0 < q < N)%N -> unitary (Q q)) -> orbit N X (orbit_map N U V lam Q).
Proof.
move=> uQ; split.
- by rewrite phi_orbit_map // /chain gtn_eqF // eqxx.
- move=> p /andP[p0 lt]; rewrite /orbit_map /= !adj_mul !adjK !adj_diag !mulmxA.
  have [l _] := chain_unitary uQ (lt : (p.+1 <= N)%N).
  have [l' _] := chain_unitary uQ (leq_trans (leq_pred p) (ltnW lt)).
  by rewrite -(mulmxA _ (chain _ _ _ _ p.+1)^*) l mulmx1 -(mulmxA _ (chain _ _ _ _ p.-1)^*) l' mulmx1.
move=> p /andP[p0 le]; apply: invertible_mul.
  apply: invertible_mul; first exact/unitary_invertible/chain_unitary.
  exists (diag F (fun k => (lam k)^-1 ^+ 1)); rewrite diag_L; split; [exact: powers_inverse | exact: inverse_powers].
exact/unitary_invertible/unitary_adj/chain_unitary/(leq_trans (leq_pred p)).
Qed.

(* Once *)
Lemma frames_of_orbit_map Q p : (forall q, (0 < q < N)%N -> unitary (Q q)) -> (p <= N)%N ->
  frames_of V lam (orbit_map N U V lam Q) p = chain N U V Q p.
Proof.
move=> uQ le; rewrite /frames_of phi_orbit_map //; have [l _] := uV.
by rewrite -(mulmxA _ V^*) l mulmx1 -mulmxA powers_inverse mulmx1.
Qed.

(* Of Y^* Y all powers are positive, *)
Lemma power_ge0 (Y Z : 'M[F]_d) n : 0 <= pair Z (mxpow (Y^* *m Y) n *m Z).
Proof.
set S := Y^* *m Y; have SS : S^* = S by rewrite adj_mul adjK.
suff: forall Z, 0 <= pair Z (mxpow S n *m Z) /\ 0 <= pair Z (mxpow S n.+1 *m Z) by move=> /(_ Z)[].
elim: n => [|n IH] {}Z.
  by rewrite /= mulmx1 mul1mx; split; last rewrite /S -mulmxA -pair_moves; exact: pair_ge0.
have [_ next] := IH Z; split=> //; have [two _] := IH (S *m Z); move: two; rewrite pair_moves SS.
by rewrite mulmxA -[mxpow S n.+2]/(S *m mxpow S n.+1) mxpowSr !mulmxA.
Qed.

Fixpoint telescope (S : 'M[F]_d) n : 'M[F]_d := if n is m.+1 then mxpow S m + telescope S m *m L 2 else 0.

Lemma telescopes S n : S *m L 2 = L 2 *m S -> telescope S n *m (S - L 2) = mxpow S n - L (2 * n).
Proof.
move=> c; elim: n => [|n IH] /=; first by rewrite mul0mx muln0 powers_0 subrr.
rewrite mulmxDl -mulmxA (_ : L 2 *m (S - L 2) = (S - L 2) *m L 2); last by rewrite mulmxBl mulmxBr c.
rewrite mulmxA IH mulmxBl mulmxBr powers_mul (_ : 2 * n + 2 = 2 * n.+1)%N; last by rewrite mulnS addnC.
by rewrite addrA subrK -[mxpow S n *m S]mxpowSr.
Qed.

(* so that the factor of S - L 2 is positive definite. *)
Lemma telescope_definite (Y Z : 'M[F]_d) n : Y^* *m Y *m L 1 = L 1 *m (Y^* *m Y) ->
  0 <= pair Z (telescope (Y^* *m Y) n *m Z) /\ (pair Z (telescope (Y^* *m Y) n.+1 *m Z) = 0 -> Z = 0).
Proof.
have := @power_ge0 Y; set S := Y^* *m Y; clearbody S => power c; have pairD (A B D : 'M[F]_d) : pair A (B + D) = pair A B + pair A D.
  by rewrite /pair mulmxDr mxtraceD linearD.
have cp m : mxpow S m *m L 1 = L 1 *m mxpow S m.
  by elim: m => [|m IH] /=; rewrite ?mulmx1 ?mul1mx // -mulmxA IH !mulmxA c.
have L2 : L 2 = L 1 *m L 1 by rewrite powers_mul.
have ct m : telescope S m *m L 1 = L 1 *m telescope S m.
  elim: m => [|m IH] /=; first by rewrite mul0mx mulmx0.
  by rewrite mulmxDl mulmxDr cp L2 !mulmxA -IH.
have step m A : pair A (telescope S m.+1 *m A) =
    pair A (mxpow S m *m A) + pair (L 1 *m A) (telescope S m *m (L 1 *m A)).
  rewrite [telescope _ _]/= mulmxDl pairD pair_moves adj_diag -/(L 1); congr (_ + pair _ _).
  by rewrite L2 !mulmxA ct.
have ge0 m A : 0 <= pair A (telescope S m *m A).
  elim: m A => [|m IH] A; last by rewrite step addr_ge0 ?power.
  by rewrite /= mul0mx /pair mulmx0 mxtrace0 linear0.
split; first exact: ge0.
elim: n Z => [|n IH] Z; first by rewrite /= mul0mx addr0 mul1mx => /pair_eq0.
rewrite step => /eqP; rewrite paddr_eq0 ?power // => /andP[_ /eqP/IH z].
by rewrite -[Z]mul1mx -(inverse_powers 1) -mulmxA z mulmx0.
Qed.

(* The positive root of L (2 N) is unique. *)
Lemma root_unique (Y : 'M[F]_d) : mxpow (Y^* *m Y) N = L (2 * N) -> Y^* *m Y = L 2.
Proof.
have := @telescope_definite Y; set S := Y^* *m Y; clearbody S => definite root.
have c n : S *m L n = L n *m S.
  have /matrixP C : S *m L (2 * N) = L (2 * N) *m S by rewrite -root -mxpowSr.
  apply/matrixP => i j; have := C i j; rewrite !mulmx_diag !mul_diag.
  have [->|ne] := eqVneq (lam i) (lam j); first by [].
  move/eqP; rewrite -subr_eq0 -scalerBl scaler_eq0 subr_eq0 eqr_expn2 ?muln_gt0 ?ltW // eq_sym (negbTE ne) /=.
  by move/eqP ->; rewrite !scaler0.
have := telescopes N (c 2%N); rewrite root subrr => z.
apply/eqP; rewrite -subr_eq0; apply/eqP; case: N N0 z => // n _ z.
have [_] := definite (S - L 2) n (c 1%N).
by apply; rewrite z /pair mulmx0 mxtrace0 linear0.
Qed.

Lemma powers_below W p : balanced N W -> (p <= N)%N ->
  (phi p W)^* *m phi p W = mxpow ((W 1%N)^* *m W 1%N) p.
Proof.
move=> bal; case: p => [|p] le; first by rewrite /= adj1 mulmx1.
apply: (proj1 (balance_powers _ _)) => // q /andP[q0 lt].
by apply: bal; rewrite q0; exact: leq_trans lt le.
Qed.

Lemma left_unitary A : invertible A -> A^* *m A = 1%:M -> unitary A.
Proof. by move=> [B [AB BA]] l; split=> //; rewrite (_ : A^* = B) // -[LHS]mulmx1 -AB mulmxA l mul1mx. Qed.

Lemma frame_power (G : 'M[F]_d) n : mxpow (V^* *m G *m V) n = V^* *m mxpow G n *m V.
Proof.
have [l r] := uV; elim: n => [|n IH] /=; first by rewrite mulmx1 l.
by rewrite IH !mulmxA -(mulmxA _ V V^*) r mulmx1.
Qed.

Lemma frames_unitary W p : orbit N X W -> (p <= N)%N -> unitary (frames_of V lam W p).
Proof.
move=> [product bal inv] le; have [l r] := uV; have [lU _] := uU.
have S2 : (W 1%N *m V)^* *m (W 1%N *m V) = L 2.
  apply: root_unique; rewrite adj_mul !mulmxA -(mulmxA V^*) frame_power -powers_below // product.
  rewrite /X !adj_mul adjK adj_diag !mulmxA l mul1mx -(mulmxA _ U^*) lU mulmx1 -(mulmxA _ V^*) l mulmx1.
  by rewrite powers_mul addnn mul2n.
have powers : mxpow (L 2) p = L (2 * p).
  by elim: (p) => [|q IH] /=; rewrite ?muln0 ?powers_0 // IH powers_mul mulnS.
apply: left_unitary; last first.
  rewrite /frames_of !adj_mul adj_diag !mulmxA -(mulmxA _ (phi p W)^*) powers_below //.
  rewrite -(mulmxA (diag _ _)) -(mulmxA (diag _ _)) -frame_power.
  move: S2; rewrite adj_mul !mulmxA -(mulmxA V^*) => ->.
  by rewrite powers mul2n -addnn -powers_mul mulmxA inverse_powers mul1mx powers_inverse.
apply: invertible_mul; last by exists (L p); split; [exact: inverse_powers | exact: powers_inverse].
apply: invertible_mul; last exact: unitary_invertible.
elim: p le {powers} => [|p IH] le /=; first exact/unitary_invertible/unitary1.
by apply: invertible_mul; [apply: inv; rewrite le | exact: IH (ltnW le)].
Qed.

(* Onto *)
Lemma orbit_map_onto W p : orbit N X W -> (1 <= p <= N)%N -> orbit_map N U V lam (frames_of V lam W) p = W p.
Proof.
move=> orb /andP[p0 le]; have [product _ _] := orb.
have ends q : (q <= N)%N -> chain N U V (frames_of V lam W) q = frames_of V lam W q.
  move=> leq; rewrite /chain; case: posnP => [->|q0].
    rewrite /frames_of /= mul1mx (_ : diag F _ = 1%:M) ?mulmx1 //.
    by rewrite -diag1; apply/matrixP => i j; rewrite !mxE.
  case: eqP => // ->; rewrite /frames_of product /X; have [l _] := uV.
  by rewrite -(mulmxA _ V^*) l mulmx1 -mulmxA powers_inverse mulmx1.
rewrite /orbit_map !ends ?(leq_trans (leq_pred p)) //.
have [_ r] := frames_unitary orb (leq_trans (leq_pred p) le).
case: p p0 le r => // p _ le r; rewrite /= in r *.
rewrite -[RHS]mulmx1 -r mulmxA; congr (_ *m _).
rewrite /frames_of [phi _ _]/= -!mulmxA; congr (_ *m (_ *m (_ *m _))).
rewrite diag_mul; apply/matrixP => i j; rewrite !mxE exprSr -mulrA mulVf ?mulr1 //.
by rewrite lt0r_neq0.
Qed.
End Frames.

(* The differential of (2.5) at Q in the direction b, where b_0 = b_N = 0 *)
Definition differential (K : fieldType) (F : field_over K) d N (U V : 'M[F]_d) (lam : 'I_d -> K)
    (Q b : nat -> 'M[F]_d) p : 'M[F]_d :=
  b p *m diag F lam *m (chain N U V Q p.-1)^* + chain N U V Q p *m diag F lam *m (b p.-1)^*.

(** [balanced-centre] With sigma = lam^N, equal singular values included. *)
Theorem balanced_centre (K : realFieldType) (F : field_over K) d N (U V : 'M[F]_d) (lam : 'I_d -> K) :
  (0 < N)%N -> unitary U -> unitary V -> (forall k, 0 < lam k) ->
  let X := U *m diag F (fun k => lam k ^+ N) *m V^* in
  let centre := act_ends N U V (fun=> diag F lam) in
  orbit N X centre /\ (N = 1%N -> centre 1%N = X).
Proof.
move=> N0 uU uV pos X centre.
have one p : (1 <= p <= N)%N -> orbit_map N U V lam (fun=> 1%:M) p = centre p.
  move=> /andP[p0 le]; rewrite /orbit_map /centre /act_ends /chain (gtn_eqF p0).
  case: p p0 le => // p _ le /=; rewrite eqSS; congr (_ *m _^*).
  by case: (posnP p) => // p0; rewrite ltn_eqF.
have eq_phi p : (p <= N)%N -> phi p (orbit_map N U V lam (fun=> 1%:M)) = phi p centre.
  by elim: p => // p IH le /=; rewrite one // IH // ltnW.
have [phiX bal inv] := orbit_map_into N0 uU uV pos (Q := fun=> 1%:M) (fun _ _ => unitary1 F d).
split; last by move=> N1; rewrite /centre /act_ends N1 /X; congr (_ *m _ *m _);
  apply/matrixP => i j; rewrite !mxE N1.
split; first by rewrite -eq_phi.
  by move=> p /andP[p0 lt]; rewrite -!one ?p0 ?lt ?(ltnW lt) // bal ?p0.
by move=> p le; rewrite -one //; exact: inv.
Qed.

(** [proposition-2.2: all but smoothness, compactness and the dimension] Both ways: the layers (2.5) of unitary frames
    lie in the orbit, and the frames W_p ... W_1 V Lambda^-p of balanced layers are unitary and give these layers back. So
    the inverse is a polynomial in the layers. Nothing is assumed to be decomposable but X, and singular values may
    coincide. Third, equivariance. *)
Theorem proposition_2_2 (K : realFieldType) (F : field_over K) d N (U V : 'M[F]_d) (lam : 'I_d -> K) :
  (0 < N)%N -> unitary U -> unitary V -> (forall k, 0 < lam k) ->
  let X := U *m diag F (fun k => lam k ^+ N) *m V^* in
  let Psi := orbit_map N U V lam in
  let frames Q := forall p, (0 < p < N)%N -> unitary (Q p) in
  [/\ forall Q, frames Q -> orbit N X (Psi Q) /\ (forall p, (0 < p < N)%N -> frames_of V lam (Psi Q) p = Q p),
      forall W, orbit N X W ->
        frames (frames_of V lam W) /\ (forall p, (1 <= p <= N)%N -> Psi (frames_of V lam W) p = W p)
    & forall P Q p, Psi (fun q => P q *m Q q) p = act (chain N 1%:M 1%:M P) (Psi Q) p].
Proof.
move=> N0 uU uV pos X Psi frames; split.
- move=> Q uQ; split; first exact: orbit_map_into.
  by move=> p /andP[p0 lt]; rewrite frames_of_orbit_map ?(ltnW lt) // /chain gtn_eqF // ltn_eqF.
- move=> W orb; split; last by move=> p le; exact: orbit_map_onto.
  by move=> p /andP[_ lt]; apply: frames_unitary orb (ltnW lt).
move=> P Q p; have chainM q : chain N U V (fun q => P q *m Q q) q = chain N 1%:M 1%:M P q *m chain N U V Q q.
  by rewrite /chain; case: ifP => _; [rewrite mul1mx | case: ifP => _; rewrite ?mul1mx].
by rewrite /act /Psi /orbit_map !chainM adj_mul !mulmxA.
Qed.

(** [distinctness-unnecessary: the bijection] Balanced layers come from exactly one family of frames, for singular
    values that may coincide. *)
Theorem frames_unique (K : realFieldType) (F : field_over K) d N (U V : 'M[F]_d) (lam : 'I_d -> K) W :
  (0 < N)%N -> unitary U -> unitary V -> (forall k, 0 < lam k) ->
  orbit N (U *m diag F (fun k => lam k ^+ N) *m V^*) W ->
  exists Q, [/\ forall p, (0 < p < N)%N -> unitary (Q p),
                forall p, (1 <= p <= N)%N -> orbit_map N U V lam Q p = W p
              & forall Q', (forall p, (0 < p < N)%N -> unitary (Q' p)) ->
                  (forall p, (1 <= p <= N)%N -> orbit_map N U V lam Q' p = W p) ->
                  forall p, (0 < p < N)%N -> Q' p = Q p].
Proof.
move=> N0 uU uV pos orb; have [into onto _] := proposition_2_2 N0 uU uV pos.
have [uQ QW] := onto W orb; exists (frames_of V lam W); split=> // Q' uQ' Q'W p /andP[p0 lt].
have [_ <-] := into Q' uQ'; last by rewrite p0.
have eq q : (q <= N)%N -> phi q (orbit_map N U V lam Q') = phi q W.
  by elim: q => // q IH le /=; rewrite Q'W // IH // ltnW.
by rewrite /frames_of eq // ltnW.
Qed.

(** [proposition-2.2: (3.1) and the immersion] Along Q + cb the layers are a polynomial in c, and its linear term is the
    differential; it vanishes for b = 0 alone; at the frames 1, for b skew, it is (3.1). That tangent vectors of the group
    are such b is not part of this. *)
Theorem eq_3_1 (K : realFieldType) (F : field_over K) d N (U V : 'M[F]_d) (lam : 'I_d -> K) (Q b : nat -> 'M[F]_d) :
  (0 < N)%N -> unitary U -> unitary V -> (forall k, 0 < lam k) ->
  (forall p, (0 < p < N)%N -> unitary (Q p)) -> b 0%N = 0 -> b N = 0 ->
  [/\ forall (c : K) p, orbit_map N U V lam (fun q => Q q + c%:A *: b q) p = orbit_map N U V lam Q p +
        c%:A *: differential N U V lam Q b p + (c ^+ 2)%:A *: (b p *m diag F lam *m (b p.-1)^*),
      (forall p, (1 <= p <= N)%N -> differential N U V lam Q b p = 0) -> forall p, (p <= N)%N -> b p = 0
    & (forall p, (b p)^* = - b p) -> forall p, (1 <= p <= N)%N ->
      differential N U V lam (fun=> 1%:M) b p =
      (if p == N then U else 1%:M) *m (b p *m diag F lam - diag F lam *m b p.-1) *m
      (if p == 1%N then V else 1%:M)^*].
Proof.
move=> N0 uU uV pos uQ b0 bN; split.
- move=> c p; have chainD q : chain N U V (fun q => Q q + c%:A *: b q) q = chain N U V Q q + c%:A *: b q.
    rewrite /chain; case: eqP => [->|_]; first by rewrite b0 scaler0 addr0.
    by case: eqP => [->|//]; rewrite bN scaler0 addr0.
  rewrite /orbit_map /differential !chainD adjD adjZ !mulmxDl !mulmxDr !mulmx_realZ -!scalemxAl -!mulmx_realZ.
  rewrite !mulmx_realZ scalerDr !scalerA -scalerAl mul1r scalerA -expr2 !addrA.
  by congr (_ + _); rewrite -!addrA; congr (_ + _); rewrite addrC.
- move=> z; elim=> [//|p IH] le; have := z p.+1; rewrite le /differential /= IH ?(ltnW le) // adj0 mulmx0 addr0.
  move=> /(_ isT) e; have [l r] := chain_unitary uU uV uQ (ltnW le).
  have: b p.+1 *m diag F lam *m (chain N U V Q p)^* *m chain N U V Q p = 0 by rewrite e mul0mx.
  rewrite -mulmxA l mulmx1 => f; apply/matrixP => i j; have /matrixP/(_ i j) := f.
  by rewrite mulmx_diag mxE => /eqP; rewrite scaler_eq0 gt_eqF //= => /eqP ->; rewrite ?mxE.
move=> skew p /andP[p0 le]; rewrite /differential /chain skew (gtn_eqF p0).
case: p p0 le => // p _ le /=; rewrite eqSS.
have [->|p0] := posnP p.
  rewrite b0 oppr0 !mulmx0 addr0 subr0; case: eqP => [e|_]; last by rewrite mul1mx.
  by rewrite e bN !mul0mx mulmx0 mul0mx.
rewrite (ltn_eqF le) adj1 !mulmx1; case: eqP => [->|_]; last by rewrite !mul1mx mulmxN.
by rewrite bN mul0mx !add0r !mulmxN mulmxA.
Qed.
