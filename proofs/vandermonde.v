(* Chapter "Determinants that Chebyshev knew": Corollary 5.3, and what the Vandermonde ratio is. *)
From mathcomp Require Import all_ssreflect all_fingroup all_algebra.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
From Mme Require Import fields chebyshev gram blocks.
Open Scope ring_scope.

(* van(x), the product of x_k - x_l over k < l *)
Definition van (R : comRingType) d (x : 'I_d -> R) : R :=
  \prod_(kl : 'I_d * 'I_d | (kl.1 < kl.2)%N) (x kl.1 - x kl.2).

(* a_e(x), the alternant with the exponents e *)
Definition alternant (R : comRingType) d (e : 'I_d -> nat) (x : 'I_d -> R) : R :=
  \det (\matrix_(i, j) x i ^+ e j).

(* delta = (d - 1, ..., 1, 0) *)
Definition delta d (j : 'I_d) : nat := (d.-1 - j)%N.

Section Alternants.
Variable R : comRingType.

Lemma pairs_first n (G : 'I_n.+1 -> 'I_n.+1 -> R) :
  \prod_(kl : 'I_n.+1 * 'I_n.+1 | (kl.1 < kl.2)%N) G kl.1 kl.2 =
  \prod_l G ord0 (lift ord0 l) *
  \prod_(kl : 'I_n * 'I_n | (kl.1 < kl.2)%N) G (lift ord0 kl.1) (lift ord0 kl.2).
Proof.
rewrite -(pair_big_dep predT (fun k l : 'I_n.+1 => (k < l)%N) G) big_ord_recl.
rewrite -(pair_big_dep predT (fun k l : 'I_n => (k < l)%N) (fun k l => G (lift ord0 k) (lift ord0 l))).
congr (_ * _); first by rewrite big_mkcond big_ord_recl /= mul1r.
by apply: eq_bigr => k _; rewrite big_mkcond big_ord_recl /= mul1r [RHS]big_mkcond.
Qed.

(* Subtract x_0 times each column from the next one, and expand along the first row. *)
Lemma det_powers d (x : 'I_d -> R) :
  \det (\matrix_(i, j) x i ^+ j) = \prod_(kl : 'I_d * 'I_d | (kl.1 < kl.2)%N) (x kl.2 - x kl.1).
Proof.
elim: d x => [|n IH] x; first by rewrite det_mx00 big1 // => -[[]].
rewrite (pairs_first (fun k l => x l - x k)) -(IH (fun i => x (lift ord0 i))).
pose L : 'M[R]_n.+1 := \matrix_(i, j) (if i == j then 1 else if j == i.+1 :> nat then - x ord0 else 0).
have L1 : \det L = 1.
  rewrite -det_tr det_trig; first by rewrite big1 // => i _; rewrite !mxE eqxx.
  apply/is_trig_mxP => i j lt; rewrite !mxE -val_eqE /= (gtn_eqF lt).
  by rewrite ltn_eqF // ltnS ltnW.
pose A := \matrix_(i, j) x i ^+ j *m L.
have -> : \det (\matrix_(i, j) x i ^+ j) = \det A by rewrite det_mulmx L1 mulr1.
have A0 i : A i ord0 = 1.
  rewrite mxE big_ord_recl big1 ?addr0 => [|j _]; rewrite !mxE ?mulr1 //.
  by rewrite -val_eqE /= mulr0.
have AS i (j : 'I_n) : A i (lift ord0 j) = (x i - x ord0) * x i ^+ j.
  rewrite mxE (bigD1 (lift ord0 j)) //= (bigD1 (widen_ord (leqnSn n) j)) /=; last first.
    by rewrite -val_eqE /= /bump add1n ltn_eqF.
  rewrite big1 ?addr0 => [|k /andP[ne1 ne2]]; rewrite !mxE ?eqxx ?mulr1.
    have -> : (widen_ord (leqnSn n) j == lift ord0 j) = false by rewrite -val_eqE /= /bump add1n ltn_eqF.
    by rewrite /= /bump /= add1n exprS mulrN (mulrC (x i ^+ j)) -mulrBl.
  move: ne1 ne2; rewrite -!val_eqE /= /bump add1n eqSS => /negbTE-> ne2.
  by rewrite eq_sym (negbTE ne2) mulr0.
rewrite (expand_det_row _ ord0) big_ord_recl big1 ?addr0 => [|j _]; last by rewrite AS subrr !mul0r.
rewrite A0 mul1r /cofactor addn0 expr0 mul1r.
pose D := diag_mx (\row_i (x (lift ord0 i) - x ord0)).
rewrite -[X in _ = X * _](_ : \det D = _); last by rewrite det_diag; apply: eq_bigr => i _; rewrite mxE.
rewrite -det_mulmx; congr (\det _); apply/matrixP => i j.
by rewrite mul_diag_mx !mxE -[RHS]AS mxE.
Qed.

Lemma det_powers_down d (x : 'I_d -> R) : \det (\matrix_(i, j) x i ^+ (d.-1 - j)) = van x.
Proof.
pose s : {perm 'I_d} := perm (@rev_ord_inj d).
have -> : \matrix_(i, j) x i ^+ (d.-1 - j) = row_perm s (col_perm s (\matrix_(i, j) x (rev_ord i) ^+ j)).
  by apply/matrixP => i j; rewrite !mxE !permE rev_ordK /=; case: d x s i j => // d x s i j; rewrite subSS.
rewrite row_permE col_permE !det_mulmx !det_perm mulrCA -signr_addb odd_permV addbb mulr1 det_powers.
rewrite /van (reindex (fun kl : 'I_d * 'I_d => (rev_ord kl.2, rev_ord kl.1))) /=; last first.
  by exists (fun kl => (rev_ord kl.2, rev_ord kl.1)) => -[k l] _; rewrite /= !rev_ordK.
apply: eq_big => [[k l]|[k l] _] /=; last by rewrite !rev_ordK.
apply/idP/idP => lt; last by apply: ltn_sub2l => //; apply: leq_ltn_trans (ltn_ord l); exact: lt.
by move: lt; apply: contraTT; rewrite -!leqNgt => le; exact: leq_sub2l.
Qed.
End Alternants.

(** [theorem-1.1: van as a determinant] For every d, over any commutative ring; with ascending powers the factors
    change their signs. *)
Theorem vandermonde (R : comRingType) d (x : 'I_d -> R) :
  alternant (@delta d) x = van x /\
  \det (\matrix_(i < d, j < d) x i ^+ j) = \prod_(kl : 'I_d * 'I_d | (kl.1 < kl.2)%N) (x kl.2 - x kl.1).
Proof. by split; [exact: det_powers_down | exact: det_powers]. Qed.

(** [theorem-1.1: the ratio of two alternants] The bialternant of the Schur polynomial s_((N-1) delta) in the squares,
    as a product of sums; over any commutative ring, coinciding lambda included. *)
Theorem bialternant (R : comRingType) d N (lam : 'I_d -> R) : (0 < N)%N ->
  alternant (fun j => (N.-1 * delta j + delta j)%N) (fun k => lam k ^+ 2) =
  alternant (@delta d) (fun k => lam k ^+ 2) *
  \prod_(kl : 'I_d * 'I_d | (kl.1 < kl.2)%N)
    \sum_(p < N) lam kl.1 ^+ (2 * (N.-1 - p)) * lam kl.2 ^+ (2 * p).
Proof.
case: N => // n _; have -> : alternant (fun j => (n.+1.-1 * delta j + delta j)%N) (fun k => lam k ^+ 2) =
    alternant (@delta d) (fun k => (lam k ^+ 2) ^+ n.+1).
  by congr (\det _); apply/matrixP => i j; rewrite !mxE -[RHS]exprM addnC.
rewrite !(proj1 (vandermonde _)) /van -big_split; apply: eq_bigr => -[k l] _ /=.
by rewrite subrXX; congr (_ * _); apply: eq_bigr => p _; rewrite -!exprM.
Qed.

Section Ratio.
Variables (K : realFieldType) (d : nat) (lam : 'I_d -> K).
Hypotheses (pos : forall k, 0 < lam k) (inj : injective lam).

Lemma squares_differ k l : k != l -> lam k ^+ 2 - lam l ^+ 2 != 0.
Proof. by move=> ne; rewrite subr_eq0 eqr_expn2 ?ltW // (inj_eq inj). Qed.

(* (1.3) for all pairs at once, as determinants of the blocks *)
Lemma van_ratio N : (0 < N)%N -> van (fun k => lam k ^+ N ^+ 2) / van (fun k => lam k ^+ 2) =
  \prod_(kl : 'I_d * 'I_d | (kl.1 < kl.2)%N) \det (M N.-1 (lam kl.1) (lam kl.2)).
Proof.
move=> N0; rewrite /van -prodf_div; apply: eq_bigr => -[k l] /= lt.
have ne : k != l by apply/eqP => e; move: lt; rewrite e ltnn.
by rewrite -!exprM (mulnC N) -eq_5_2 // mulrAC mulfV ?mul1r // squares_differ.
Qed.

End Ratio.

(** [theorem-1.1: (1.3), all pairs at once] A product of positive polynomials. *)
Theorem van_ratio_sums (K : realFieldType) d N (lam : 'I_d -> K) :
  (0 < N)%N -> (forall k, 0 < lam k) -> injective lam ->
  van (fun k => lam k ^+ N ^+ 2) / van (fun k => lam k ^+ 2) =
  \prod_(kl : 'I_d * 'I_d | (kl.1 < kl.2)%N)
    \sum_(p < N) lam kl.1 ^+ (2 * (N.-1 - p)) * lam kl.2 ^+ (2 * p).
Proof. by move=> N0 pos inj; rewrite van_ratio //; apply: eq_bigr => kl _; rewrite eq_5_1_sum. Qed.

(** [corollary-5.3] Over R, C and H at once, for distinct sigma. With sigma = lam^N, so that (det Lambda)^(2(N-1)(beta-1)) is the power of
    det Sigma in (5.4); r stands for 1 / sqrt 2. *)
Theorem corollary_5_3 (K : realFieldType) (F : field_over K) d N (r : K) (lam : 'I_d -> K) :
  2%:R * r ^+ 2 = 1 -> (0 < N)%N -> (forall k, 0 < lam k) -> injective lam ->
  \det (gram F N.-1 r lam) =
  (van (fun k => lam k ^+ N ^+ 2) / van (fun k => lam k ^+ 2)) ^+ beta F *
  N%:R ^+ (d * (beta F).-1) * (\prod_k lam k) ^+ (2 * N.-1 * (beta F).-1).
Proof.
move=> rr N0 pos inj; rewrite eq_4_9 // van_ratio // -prodrXl -mulrA; congr (_ * _).
under eq_bigr do rewrite eq_5_3 // exprMn -exprM.
rewrite big_split /= prodr_const card_ord -exprM (mulnC d) prodrXl; congr (_ * _).
Qed.
