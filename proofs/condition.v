(* Chapter "Three fields, one notation": which complex matrices are images of quaternionic ones. *)
From mathcomp Require Import all_ssreflect all_algebra.
From Mme Require Import fields instances balance image.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Import GRing.Theory.
Open Scope ring_scope.

(* The letter J of the chapter *)
Definition turn (K : fieldType) (C : field_over K) n : 'M[C]_(n + n) := block_mx 0 1%:M (- 1%:M) 0.

(* J conj(M) J^-1 = M *)
Definition like_image (K : fieldType) (C : field_over K) m n (M : 'M[C]_(m + m, n + n)) : Prop :=
  turn C m *m map_mx conj M *m (turn C n)^* = M.

Section Turn.
Variables (K : fieldType) (C : field_over K).
Hypothesis comm : forall x y : C, x * y = y * x.

Lemma conj_mx0 m n : map_mx conj (0 : 'M[C]_(m, n)) = 0.
Proof. by apply/matrixP => i j; rewrite !mxE linear0. Qed.

Lemma conj_mx1 n : map_mx conj (1%:M : 'M[C]_n) = 1%:M.
Proof. by apply/matrixP => i j; rewrite !mxE; case: eqP => _; rewrite ?conj1 ?linear0. Qed.

Lemma turn_adj n : (turn C n)^* = block_mx 0 (- 1%:M) 1%:M 0.
Proof.
have := pattern_adj (0 : 'M[C]_n) 1%:M; rewrite conj_mx1 conj_mx0 -/(turn C n) => ->.
by rewrite adj0 trmx1 conj_mxN conj_mx1 conj_mx0 opprK.
Qed.

Lemma turn_unitary n : unitary (turn C n).
Proof.
rewrite /unitary turn_adj /turn !mulmx_block; split;
by rewrite ?(mulmxN, mulNmx, mul0mx, mulmx0, mulmx1, oppr0, opprK, addr0, add0r) -scalar_mx_block.
Qed.

Lemma turn_block m n (A B D E : 'M[C]_(m, n)) :
  turn C m *m map_mx conj (block_mx A B D E) *m (turn C n)^* =
  block_mx (map_mx conj E) (- map_mx conj D) (- map_mx conj B) (map_mx conj A).
Proof.
rewrite turn_adj map_block_mx !mulmx_block.
by rewrite ?(mulmxN, mulNmx, mul0mx, mulmx0, mul1mx, mulmx1, oppr0, opprK, addr0, add0r).
Qed.

Lemma like_image_pattern m n (M : 'M[C]_(m + m, n + n)) :
  like_image M <-> exists A B : 'M[C]_(m, n), M = block_mx A B (- map_mx conj B) (map_mx conj A).
Proof.
rewrite /like_image; split=> [|[A [B ->]]]; last by rewrite turn_block conj_mxN !conj_mxK opprK.
rewrite -{1 2}[M]submxK turn_block => /eq_block_mx[_ _ dl dr].
by exists (ulsubmx M), (ursubmx M); rewrite -[LHS]submxK dl dr.
Qed.

Lemma like_image_mul m n p (M : 'M[C]_(m + m, n + n)) (L : 'M[C]_(n + n, p + p)) :
  like_image M -> like_image L -> like_image (M *m L).
Proof.
rewrite /like_image conj_mulmx // => {2}<- {2}<-.
by have [l _] := turn_unitary n; rewrite !mulmxA -(mulmxA _ (turn C n)^*) l mulmx1.
Qed.

Lemma adj_conj m n (M : 'M[C]_(m, n)) : (map_mx conj M)^* = map_mx conj M^*.
Proof. by apply/matrixP => i j; rewrite !mxE. Qed.

Lemma like_image_adj m n (M : 'M[C]_(m + m, n + n)) : like_image M -> like_image M^*.
Proof. by rewrite /like_image => {2}<-; rewrite !adj_mul adjK adj_conj mulmxA. Qed.

Lemma like_image_inverse n (M L : 'M[C]_(n + n)) :
  M *m L = 1%:M -> L *m M = 1%:M -> like_image M -> like_image L.
Proof.
rewrite /like_image => r l J; have [tl tr] := turn_unitary n.
rewrite -[LHS]mul1mx -l -!mulmxA -{1}J -!mulmxA (mulmxA (turn C n)^*) tl mul1mx.
by rewrite (mulmxA (map_mx conj M)) -conj_mulmx // r conj_mx1 mul1mx tr mulmx1.
Qed.

End Turn.

Lemma image_iff (K : fieldType) m n (M : 'M[complex K]_(m + m, n + n)) :
  (exists a : 'M[quaternion K]_(m, n), chi a = M) <-> like_image M.
Proof.
split=> [[a <-]|/like_image_pattern[A [B ->]]].
  by apply/like_image_pattern; exists (first_part a), (second_part a).
exists (\matrix_(i, j) (A i j, B i j)); rewrite /chi.
have -> : first_part (\matrix_(i, j) ((A i j, B i j) : quaternion K)) = A by apply/matrixP => i j; rewrite !mxE.
by have -> : second_part (\matrix_(i, j) ((A i j, B i j) : quaternion K)) = B by apply/matrixP => i j; rewrite !mxE.
Qed.


(* J is the image of j. *)
Lemma turn_image (K : fieldType) n : turn (complex K) n = chi (((0, 1) : quaternion K)%:M : 'M_n).
Proof.
rewrite /chi; have -> : first_part (((0, 1) : quaternion K)%:M : 'M_n) = 0.
  by apply/matrixP => i j; rewrite !mxE; case: (i == j).
have -> : second_part (((0, 1) : quaternion K)%:M : 'M_n) = 1%:M.
  by apply/matrixP => i j; rewrite !mxE; case: (i == j).
by rewrite conj_mx0 conj_mx1.
Qed.

(** [image-condition] Over any field in the place of R. J is unitary, so that its inverse is its adjoint; it is the
    image of j, which is written (0, 1). *)
Theorem image_condition (K : fieldType) d : let J := turn (complex K) d in
  [/\ unitary J /\ J = chi (((0, 1) : quaternion K)%:M : 'M_d),
      forall M : 'M[complex K]_(d + d), like_image M <-> exists! a : 'M[quaternion K]_d, chi a = M,
      (forall M L : 'M[complex K]_(d + d), like_image M -> like_image L -> like_image (M *m L)) /\
      (forall M : 'M[complex K]_(d + d), like_image M -> like_image M^*),
      forall M L : 'M[complex K]_(d + d), M *m L = 1%:M -> L *m M = 1%:M -> like_image M -> like_image L
    & forall a : 'M[quaternion K]_d, invertible (chi a) <-> invertible a].
Proof.
have inverse := like_image_inverse (@complex_comm K).
split; first by split; [exact: turn_unitary | exact: turn_image].
- move=> M; split=> [/image_iff[a aM]|[a [aM _]]]; last by apply/image_iff; exists a.
  by exists a; split=> // b bM; apply: (@chi_inj K); rewrite aM bM.
- by split; [exact: (like_image_mul (@complex_comm K)) | exact: like_image_adj].
- by move=> M L; exact: inverse.
move=> a; split=> [[L [r l]]|[b [r l]]]; last by exists (chi b); rewrite -!chi_mul r l chi1.
have [b bL] : exists b : 'M[quaternion K]_d, chi b = L.
  by apply/image_iff; apply: inverse r l _; apply/image_iff; exists a.
by exists b; split; apply: (@chi_inj K); rewrite chi_mul chi1 bL.
Qed.
