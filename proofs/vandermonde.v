(* Chapter "Determinants that Chebyshev knew": Corollary 5.3, and what the Vandermonde ratio is. *)
From mathcomp Require Import all_ssreflect all_algebra.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
From Mme Require Import fields chebyshev gram blocks.
Open Scope ring_scope.

(* van(x), the product of x_k - x_l over k < l *)
Definition van (K : fieldType) d (x : 'I_d -> K) : K :=
  \prod_(kl : 'I_d * 'I_d | (kl.1 < kl.2)%N) (x kl.1 - x kl.2).

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
