(* Chapter "Three fields, one notation": what R, C and H have in common, as much as the proofs need.
   K stands for the real numbers; any ordered field will do, and for most of it any field. *)
From mathcomp Require Import all_ssreflect all_algebra.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Import GRing.Theory.
Open Scope ring_scope.

(* A field in the book's sense: an algebra over K, with a conjugation that reverses products, a real part, and
   units 1; 1, i; 1, i, j, k that are orthonormal and span it. Products need not commute, but K is central. *)
Record field_over (K : fieldType) := FieldOver {
  beta : nat;
  field_alg :> algType K;
  conj : {linear field_alg -> field_alg};
  re : {scalar field_alg};
  unit : 'I_beta -> field_alg;
  conjM : forall x y, conj (x * y) = conj y * conj x;
  conjK : involutive conj;
  unit1 : forall e : 'I_beta, e = 0%N :> nat -> unit e = 1;
  conj_unit : forall e, conj (unit e) = if e == 0%N :> nat then unit e else - unit e;
  re_conj : forall x, re (conj x) = re x;
  reC : forall x y, re (x * y) = re (y * x);
  re_unit : forall e e', re (conj (unit e) * unit e') = (e == e')%:R;
  unit_span : forall x, x = \sum_e re (conj (unit e) * x) *: unit e
}.

Arguments conj {K f}. Arguments re {K f}. Arguments unit {K f}.

(* The adjoint: transposed and conjugated *)
Definition adj (K : fieldType) (F : field_over K) m n (A : 'M[F]_(m, n)) : 'M[F]_(n, m) :=
  \matrix_(i, j) conj (A j i).
Notation "A ^*" := (adj A) (at level 2, format "A ^*") : ring_scope.

(* U_d(F), the group of all Q with Q^* Q = Q Q^* = 1 *)
Definition unitary (K : fieldType) (F : field_over K) d (Q : 'M[F]_d) : Prop :=
  Q^* *m Q = 1%:M /\ Q *m Q^* = 1%:M.

(* A diagonal matrix with real entries *)
Definition diag (K : fieldType) (F : field_over K) d (x : 'I_d -> K) : 'M[F]_d :=
  diag_mx (\row_k (x k)%:A).

(* The real trace pairing *)
Definition pair (K : fieldType) (F : field_over K) m n (a b : 'M[F]_(m, n)) : K := re (\tr (a^* *m b)).

Section Adjoint.
Variables (K : fieldType) (F : field_over K).
Implicit Types x y : F.

Lemma conj1 : conj 1 = 1 :> F.
Proof. by have := conjM (1 : F) (conj 1); rewrite mul1r conjK mul1r. Qed.

Lemma conj_nat n : conj (n%:R : F) = n%:R.
Proof. by rewrite raddfMn /= conj1. Qed.

Lemma conj_real (c : K) : conj (c%:A : F) = c%:A.
Proof. by rewrite linearZ /= conj1. Qed.

Lemma adjK m n (A : 'M[F]_(m, n)) : A^*^* = A.
Proof. by apply/matrixP => i j; rewrite !mxE conjK. Qed.

Lemma adjD m n (A B : 'M[F]_(m, n)) : (A + B)^* = A^* + B^*.
Proof. by apply/matrixP => i j; rewrite !mxE linearD. Qed.

Lemma adjN m n (A : 'M[F]_(m, n)) : (- A)^* = - A^*.
Proof. by apply/matrixP => i j; rewrite !mxE linearN. Qed.

Lemma adj0 m n : (0 : 'M[F]_(m, n))^* = 0.
Proof. by apply/matrixP => i j; rewrite !mxE linear0. Qed.

Lemma adjZ m n (c : K) (A : 'M[F]_(m, n)) : (c%:A *: A)^* = c%:A *: A^*.
Proof. by apply/matrixP => i j; rewrite !mxE -!scalerAl !mul1r linearZ. Qed.

Lemma adj_mul m n p (A : 'M[F]_(m, n)) (B : 'M[F]_(n, p)) : (A *m B)^* = B^* *m A^*.
Proof.
apply/matrixP => i j; rewrite !mxE linear_sum; apply: eq_bigr => k _.
by rewrite !mxE /= conjM.
Qed.

Lemma adj1 d : (1%:M : 'M[F]_d)^* = 1%:M.
Proof.
by apply/matrixP => i j; rewrite !mxE eq_sym; case: eqP => _; rewrite ?conj1 // linear0.
Qed.

Lemma adj_diag d (x : 'I_d -> K) : (diag F x)^* = diag F x.
Proof.
apply/matrixP => i j; rewrite !mxE eq_sym.
by have [->|_] := eqVneq i j; rewrite ?mulr0n ?linear0 // !mulr1n conj_real.
Qed.

Lemma real_comm (c : K) x : c%:A * x = x * c%:A.
Proof. by rewrite -scalerAl -scalerAr mul1r mulr1. Qed.

Lemma diag_mul d (x y : 'I_d -> K) : diag F x *m diag F y = diag F (fun k => x k * y k).
Proof.
apply/matrixP => i j; rewrite mul_diag_mx !mxE.
by rewrite mulrnAr -scalerAl mul1r scalerA.
Qed.

Lemma mul_diag d n (x : 'I_d -> K) (A : 'M[F]_(d, n)) i j : (diag F x *m A) i j = x i *: A i j.
Proof. by rewrite mul_diag_mx !mxE -scalerAl mul1r. Qed.

Lemma mulmx_diag m d (x : 'I_d -> K) (A : 'M[F]_(m, d)) i j : (A *m diag F x) i j = x j *: A i j.
Proof. by rewrite mul_mx_diag !mxE -real_comm -scalerAl mul1r. Qed.

Lemma diag1 d : diag F (fun _ : 'I_d => 1) = 1%:M.
Proof. by apply/matrixP => i j; rewrite !mxE scale1r. Qed.

Lemma unitary1 d : unitary (1%:M : 'M[F]_d).
Proof. by rewrite /unitary adj1 mulmx1. Qed.

Lemma unitary_adj d (Q : 'M[F]_d) : unitary Q -> unitary Q^*.
Proof. by move=> [left right]; rewrite /unitary adjK. Qed.

Lemma unitary_mul d (P Q : 'M[F]_d) : unitary P -> unitary Q -> unitary (P *m Q).
Proof.
move=> [lP rP] [lQ rQ]; rewrite /unitary adj_mul; split.
  by rewrite mulmxA -(mulmxA Q^*) lP mulmx1.
by rewrite mulmxA -(mulmxA P) rQ mulmx1.
Qed.

Lemma pairE m n (a b : 'M[F]_(m, n)) : pair a b = \sum_i \sum_j re (conj (a i j) * b i j).
Proof.
rewrite /pair /mxtrace exchange_big linear_sum; apply: eq_bigr => j _.
by rewrite !mxE linear_sum; apply: eq_bigr => i _; rewrite !mxE.
Qed.

(** [trace-pairing: part 2, cyclicity] For matrices of any sizes. *)
Theorem re_tr_mulC m n (a : 'M[F]_(m, n)) (b : 'M[F]_(n, m)) : re (\tr (a *m b)) = re (\tr (b *m a)).
Proof.
rewrite /mxtrace !linear_sum; under eq_bigr do rewrite mxE linear_sum.
rewrite exchange_big; apply: eq_bigr => j _; rewrite mxE linear_sum.
by apply: eq_bigr => i _; rewrite /= reC.
Qed.

(** [trace-pairing: part 3, unitary factors] For matrices of one size. *)
Theorem pair_unitary d (u v a b : 'M[F]_d) : unitary u -> unitary v ->
  pair (u *m a *m v) (u *m b *m v) = pair a b.
Proof.
move=> [u1 _] [_ v1]; rewrite /pair !adj_mul -!mulmxA (mulmxA u^*) u1 mul1mx.
by rewrite re_tr_mulC -!mulmxA v1 mulmx1.
Qed.

End Adjoint.
