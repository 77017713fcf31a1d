(* Chapter "Three fields, one notation": quaternionic matrices as complex ones of twice the size. *)
From mathcomp Require Import all_ssreflect all_algebra.
From Mme Require Import fields instances.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Import GRing.Theory.
Open Scope ring_scope.

(* a = A + B j, with complex matrices A and B *)
Definition first_part (K : fieldType) m n (a : 'M[quaternion K]_(m, n)) : 'M[complex K]_(m, n) :=
  \matrix_(i, j) (a i j).1.
Definition second_part (K : fieldType) m n (a : 'M[quaternion K]_(m, n)) : 'M[complex K]_(m, n) :=
  \matrix_(i, j) (a i j).2.

(* The complex image of a, with rows A, B and - conj B, conj A *)
Definition chi (K : fieldType) m n (a : 'M[quaternion K]_(m, n)) : 'M[complex K]_(m + m, n + n) :=
  block_mx (first_part a) (second_part a) (- map_mx conj (second_part a)) (map_mx conj (first_part a)).

Section Pattern.
Variables (K : fieldType) (C : field_over K).
Hypothesis comm : forall x y : C, x * y = y * x.

Lemma conjC (x y : C) : conj (x * y) = conj x * conj y.
Proof. by rewrite conjM comm. Qed.

Lemma conj_mulmx m n p (A : 'M[C]_(m, n)) (B : 'M[C]_(n, p)) :
  map_mx conj (A *m B) = map_mx conj A *m map_mx conj B.
Proof.
apply/matrixP => i j; rewrite !mxE linear_sum; apply: eq_bigr => k _.
by rewrite !mxE conjC.
Qed.

Lemma conj_mxK m n (A : 'M[C]_(m, n)) : map_mx conj (map_mx conj A) = A.
Proof. by apply/matrixP => i j; rewrite !mxE conjK. Qed.

Lemma conj_mxD m n (A B : 'M[C]_(m, n)) : map_mx conj (A + B) = map_mx conj A + map_mx conj B.
Proof. by apply/matrixP => i j; rewrite !mxE linearD. Qed.

Lemma conj_mxN m n (A : 'M[C]_(m, n)) : map_mx conj (- A) = - map_mx conj A.
Proof. by apply/matrixP => i j; rewrite !mxE linearN. Qed.

Lemma pattern_mul m n p (A B : 'M[C]_(m, n)) (D E : 'M[C]_(n, p)) :
  block_mx A B (- map_mx conj B) (map_mx conj A) *m block_mx D E (- map_mx conj E) (map_mx conj D) =
  block_mx (A *m D - B *m map_mx conj E) (A *m E + B *m map_mx conj D)
    (- map_mx conj (A *m E + B *m map_mx conj D)) (map_mx conj (A *m D - B *m map_mx conj E)).
Proof.
have l : - map_mx conj B *m D + map_mx conj A *m - map_mx conj E =
    - map_mx conj (A *m E + B *m map_mx conj D).
  by rewrite conj_mxD !conj_mulmx conj_mxK mulNmx mulmxN -opprD addrC.
have r : - map_mx conj B *m E + map_mx conj A *m map_mx conj D =
    map_mx conj (A *m D - B *m map_mx conj E).
  by rewrite conj_mxD conj_mxN !conj_mulmx conj_mxK mulNmx addrC.
by rewrite mulmx_block l r mulmxN.
Qed.

Lemma scale_real (c : K) (x : C) : c%:A * x = c *: x.
Proof. by rewrite -scalerAl mul1r. Qed.

Lemma pattern_linear m n (c : K) (A B D E : 'M[C]_(m, n)) :
  block_mx (c%:A *: A + D) (c%:A *: B + E) (- map_mx conj (c%:A *: B + E)) (map_mx conj (c%:A *: A + D)) =
  c%:A *: block_mx A B (- map_mx conj B) (map_mx conj A) + block_mx D E (- map_mx conj E) (map_mx conj D).
Proof.
have conjZ (X : 'M[C]_(m, n)) : map_mx conj (c%:A *: X) = c%:A *: map_mx conj X.
  by apply/matrixP => i j; rewrite !mxE !scale_real linearZ.
by rewrite !conj_mxD !conjZ scale_block_mx add_block_mx scalerN opprD.
Qed.

Lemma pattern_adj m n (A B : 'M[C]_(m, n)) :
  (block_mx A B (- map_mx conj B) (map_mx conj A))^* =
  block_mx A^* (- B^T) (- map_mx conj (- B^T)) (map_mx conj A^*).
Proof.
have adjE p q (X : 'M[C]_(p, q)) : X^* = map_mx conj X^T by apply/matrixP => i j; rewrite !mxE.
by rewrite !adjE tr_block_mx map_block_mx linearN /= !map_trmx !conj_mxN !conj_mxK opprK.
Qed.
Lemma pattern1 d :
  block_mx 1%:M 0 (- map_mx conj 0) (map_mx conj 1%:M) = 1%:M :> 'M[C]_(d + d).
Proof.
have -> : map_mx conj 0 = 0 :> 'M[C]_d by apply/matrixP => i j; rewrite !mxE linear0.
have -> : map_mx conj 1%:M = 1%:M :> 'M[C]_d.
  by apply/matrixP => i j; rewrite !mxE; case: (i == j); rewrite ?conj1 ?linear0.
by rewrite oppr0 -scalar_mx_block.
Qed.

End Pattern.

Section Image.
Variable K : fieldType.
Local Notation H := (quaternion K).
Local Notation C := (complex K).

Let fst_linear : linear (fun x : H => x.1 : C). Proof. by []. Qed.
Let snd_linear : linear (fun x : H => x.2 : C). Proof. by []. Qed.
Let one := Linear fst_linear.
Let two := Linear snd_linear.

Lemma first_mul m n p (a : 'M[H]_(m, n)) (b : 'M[H]_(n, p)) : first_part (a *m b) =
  first_part a *m first_part b - second_part a *m map_mx conj (second_part b).
Proof.
apply/matrixP => i j; rewrite !mxE -[_.1]/(one _) linear_sum -sumrB.
by apply: eq_bigr => k _; rewrite !mxE.
Qed.

Lemma second_mul m n p (a : 'M[H]_(m, n)) (b : 'M[H]_(n, p)) : second_part (a *m b) =
  first_part a *m second_part b + second_part a *m map_mx conj (first_part b).
Proof.
apply/matrixP => i j; rewrite !mxE -[_.2]/(two _) linear_sum -big_split.
by apply: eq_bigr => k _; rewrite !mxE.
Qed.

Lemma chi_mul m n p (a : 'M[H]_(m, n)) (b : 'M[H]_(n, p)) : chi (a *m b) = chi a *m chi b.
Proof.
rewrite /chi (first_mul a b) (second_mul a b); symmetry.
exact: (pattern_mul (@complex_comm K)).
Qed.

Lemma chi_inj m n : injective (@chi K m n).
Proof.
move=> a b /eq_block_mx[/matrixP A /matrixP B _ _]; apply/matrixP => i j.
move: (A i j) (B i j); rewrite !mxE; case: (a i j) (b i j) => [x y] [z w] /= E G.
by congr (_, _).
Qed.

Lemma first_linear m n (c : K) (a b : 'M[H]_(m, n)) :
  first_part (c%:A *: a + b) = c%:A *: first_part a + first_part b.
Proof. by apply/matrixP => i j; rewrite !mxE (scale_real c (a i j)) (scale_real c ((a i j).1 : C)). Qed.

Lemma second_linear m n (c : K) (a b : 'M[H]_(m, n)) :
  second_part (c%:A *: a + b) = c%:A *: second_part a + second_part b.
Proof. by apply/matrixP => i j; rewrite !mxE (scale_real c (a i j)) (scale_real c ((a i j).2 : C)). Qed.

Lemma chi_linear m n (c : K) (a b : 'M[H]_(m, n)) : chi (c%:A *: a + b) = c%:A *: chi a + chi b.
Proof. by rewrite /chi (first_linear c a b) (second_linear c a b); exact: pattern_linear. Qed.

Lemma chi_adj m n (a : 'M[H]_(m, n)) : chi a^* = (chi a)^*.
Proof.
rewrite [RHS](pattern_adj (first_part a) (second_part a)) /chi.
have -> : first_part a^* = (first_part a)^* by apply/matrixP => i j; rewrite !mxE.
by have -> : second_part a^* = - (second_part a)^T by apply/matrixP => i j; rewrite !mxE.
Qed.

Lemma chi1 d : chi (1%:M : 'M[H]_d) = 1%:M.
Proof.
rewrite -[RHS]pattern1 /chi.
have -> : first_part (1%:M : 'M[H]_d) = 1%:M by apply/matrixP => i j; rewrite !mxE; case: (i == j).
by have -> : second_part (1%:M : 'M[H]_d) = 0 by apply/matrixP => i j; rewrite !mxE; case: (i == j).
Qed.

Lemma add_conj (x : C) : x + conj x = (re x *+ 2)%:A.
Proof.
case: x => u v; change ((u + u, v - v) = ((u *+ 2) * 1, (u *+ 2) * 0) :> C).
by rewrite subrr mulr1 mulr0.
Qed.

Lemma chi_tr d (a : 'M[H]_d) : \tr (chi a) = (re (\tr a) *+ 2)%:A.
Proof.
rewrite mxtrace_block /mxtrace -big_split linear_sum -sumrMnl scaler_suml.
by apply: eq_bigr => i _; rewrite !mxE; exact: add_conj.
Qed.

End Image.

(** [complex-image] Over any field in the place of R; beyond the statement, 1 goes to 1. *)
Theorem complex_image (K : fieldType) d :
  [/\ forall (c : K) (a b : 'M[quaternion K]_d), chi (c%:A *: a + b) = c%:A *: chi a + chi b,
      injective (@chi K d d),
      forall a b : 'M[quaternion K]_d, chi (a *m b) = chi a *m chi b /\ chi (1%:M : 'M[quaternion K]_d) = 1%:M,
      forall a : 'M[quaternion K]_d, chi a^* = (chi a)^*
    & forall a : 'M[quaternion K]_d, \tr (chi a) = (re (\tr a) *+ 2)%:A].
Proof.
split; [exact: chi_linear | exact: chi_inj | | exact: chi_adj | exact: chi_tr].
by move=> a b; split; [exact: chi_mul | exact: chi1].
Qed.

Lemma re_units (K : fieldType) (F : field_over K) (x y : F) :
  re (conj x * y) = \sum_e re (conj (unit e) * x) * re (conj (unit e) * y).
Proof.
rewrite {1}[y]unit_span mulr_sumr linear_sum; apply: eq_bigr => e _.
by rewrite -scalerAr linearZ /= -(re_conj (conj x * _)) conjM conjK mulrC.
Qed.

(** [trace-pairing] All four parts; the first three over R, C and H at once, over any field in the place of R. *)
Theorem trace_pairing (K : fieldType) :
  [/\ forall (F : field_over K) d (a b : 'M[F]_d), pair a b =
        \sum_i \sum_j \sum_e re (conj (unit e) * a i j) * re (conj (unit e) * b i j),
      forall (F : field_over K) d (a b c : 'M[F]_d), [/\ re (\tr (a *m b)) = re (\tr (b *m a)),
        pair (a *m b) c = pair b (a^* *m c) & pair (a *m b) c = pair a (c *m b^*)],
      forall (F : field_over K) d (u v a b : 'M[F]_d), unitary u -> unitary v ->
        pair (u *m a *m v) (u *m b *m v) = pair a b
    & forall d (a b : 'M[quaternion K]_d), re (\tr ((chi a)^* *m chi b)) = pair a b *+ 2].
Proof.
split.
- by move=> F d a b; rewrite pairE; apply: eq_bigr => i _; apply: eq_bigr => j _; exact: re_units.
- move=> F d a b c; split; first exact: re_tr_mulC.
    by rewrite /pair adj_mul mulmxA.
  by rewrite /pair adj_mul -mulmxA re_tr_mulC mulmxA.
- by move=> F d u v a b; exact: pair_unitary.
move=> d a b; rewrite -chi_adj -chi_mul chi_tr linearZ; exact: mulr1.
Qed.
