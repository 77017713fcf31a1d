(* Chapter "Three fields, one notation": determinants of the images of quaternionic matrices. *)
From mathcomp Require Import all_ssreflect all_fingroup all_algebra.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
From Mme Require Import fields instances balance image condition.
Open Scope ring_scope.

(* Real, and positive *)
Definition positive (K : realFieldType) (F : field_over K) (z : F) : Prop := exists c : K, 0 < c /\ z = c%:A.

Section CommutativeRing.
Variable R : comRingType.

Lemma det_sylvester m n (A : 'M[R]_(m, n)) (B : 'M[R]_(n, m)) : \det (1%:M + A *m B) = \det (1%:M + B *m A).
Proof.
have l : block_mx 1%:M (- A) B 1%:M = block_mx 1%:M 0 B 1%:M *m block_mx 1%:M (- A) 0 (1%:M + B *m A).
  by rewrite mulmx_block ?(mul1mx, mul0mx, mulmx1, mulmx0, addr0) mulmxN addrC addrK.
have r : block_mx 1%:M (- A) B 1%:M = block_mx (1%:M + A *m B) (- A) 0 1%:M *m block_mx 1%:M 0 B 1%:M.
  by rewrite mulmx_block ?(mul1mx, mul0mx, mulmx1, mulmx0, add0r) mulNmx addrK.
have := congr1 (@determinant R _) r; rewrite [in LHS]l !det_mulmx !det_lblock !det_ublock !det1.
by rewrite !mul1r !mulr1.
Qed.

Lemma det_two (A B D E : 'M[R]_1) : \det (block_mx A B D E) = A 0 0 * E 0 0 - B 0 0 * D 0 0.
Proof.
rewrite (expand_det_row _ ord0) !big_ord_recl big_ord0 addr0 /cofactor /= expr0 expr1 mul1r mulN1r mulrN.
have e0 : lshift 1 (0 : 'I_1) = ord0 by apply: val_inj.
have e1 : rshift 1 (0 : 'I_1) = lift ord0 ord0 by apply: val_inj.
have e2 : lift (rshift 1 (0 : 'I_1)) 0 = lshift 1 0 by apply: val_inj.
have left := unsplitK (inl 'I_1 (0 : 'I_1)); have right := unsplitK (inr 'I_1 (0 : 'I_1)).
rewrite !det_mx11 !mxE -e1 -e0 e2 left right.
by rewrite !row_mxEl !row_mxEr.
Qed.
End CommutativeRing.

(* Gauss's elimination over a ring that need not commute. D stands for the determinant of the image; of it only this is
   used: products, and det(1 + uv) = det(1 + vu). *)
Section Elimination.
Variables (R S : ringType) (D : forall n, 'M[R]_n -> S).
Hypothesis D1 : forall n, D (1%:M : 'M_n) = 1.
Hypothesis DM : forall n (a b : 'M_n), D (a *m b) = D a * D b.
Hypothesis sylvester : forall m n (u : 'M_(m, n)) (v : 'M_(n, m)), D (1%:M + u *m v) = D (1%:M + v *m u).

Lemma D_upper n (w : 'M[R]_(1, n)) : D (block_mx 1%:M w 0 1%:M) = 1.
Proof.
have -> : block_mx 1%:M w 0 1%:M = 1%:M + col_mx 1%:M 0 *m row_mx 0 w :> 'M_(1 + n).
  by rewrite mul_col_row [1%:M in RHS]scalar_mx_block add_block_mx !mul1mx !mul0mx !addr0 add0r.
by rewrite sylvester mul_row_col mul0mx mulmx0 !addr0 D1.
Qed.

Lemma D_lower n (w : 'M[R]_(n, 1)) : D (block_mx 1%:M 0 w 1%:M) = 1.
Proof.
have -> : block_mx 1%:M 0 w 1%:M = 1%:M + col_mx 0 w *m row_mx 1%:M 0 :> 'M_(1 + n).
  by rewrite mul_col_row [1%:M in RHS]scalar_mx_block add_block_mx !mulmx1 !mulmx0 !addr0 add0r.
by rewrite sylvester mul_row_col mul1mx mul0mx !addr0 D1.
Qed.

Lemma D_direct n (x : 'M[R]_1) (s : 'M[R]_n) : D (block_mx x 0 0 s) = D x * D s.
Proof.
have -> : block_mx x 0 0 s = block_mx x 0 0 1%:M *m block_mx 1%:M 0 0 s :> 'M_(1 + n).
  by rewrite mulmx_block ?(mulmx1, mul1mx, mulmx0, mul0mx, addr0, add0r).
have xE : block_mx x 0 0 1%:M = 1%:M + col_mx 1%:M 0 *m row_mx (x - 1%:M) 0 :> 'M_(1 + n).
  rewrite mul_col_row [1%:M in RHS]scalar_mx_block add_block_mx !mul1mx !mulmx0 mul0mx !addr0.
  by rewrite (addrC _ (x - _)) subrK.
have sE : block_mx 1%:M 0 0 s = 1%:M + col_mx 0 1%:M *m row_mx 0 (s - 1%:M) :> 'M_(1 + n).
  rewrite mul_col_row [1%:M in RHS]scalar_mx_block add_block_mx !mul1mx !mulmx0 mul0mx !addr0.
  by rewrite (addrC _ (s - _)) subrK.
rewrite DM xE sE (sylvester (col_mx 1%:M _)) (sylvester (col_mx 0 _)) !mul_row_col.
by rewrite !mul0mx !mulmx1 addr0 add0r (addrC _ (x - _)) (addrC _ (s - _)) !subrK.
Qed.

(* With a pivot x that has an inverse *)
Lemma D_schur n (x y : 'M[R]_1) (r : 'M[R]_(1, n)) (c : 'M[R]_(n, 1)) (s : 'M[R]_n) :
  x *m y = 1%:M -> y *m x = 1%:M -> D (block_mx x r c s) = D x * D (s - c *m y *m r).
Proof.
move=> xy yx; pose t := s - c *m y *m r.
have -> : block_mx x r c s =
    block_mx 1%:M 0 (c *m y) 1%:M *m block_mx x 0 0 t *m block_mx 1%:M (y *m r) 0 1%:M :> 'M_(1 + n).
  rewrite !mulmx_block ?(mulmx1, mul1mx, mulmx0, mul0mx, addr0, add0r) -(mulmxA c) yx mulmx1.
  by rewrite mulmxA xy mul1mx mulmxA addrC /t subrK.
by rewrite !DM D_lower D_upper D_direct mul1r mulr1.
Qed.

Variable P : S -> Prop.
Hypothesis P1 : P 1.
Hypothesis PM : forall z w, P z -> P w -> P (z * w).
Hypothesis D0 : forall n, P (D (0 : 'M_n.+1)).
Hypothesis swap : forall n (i j : 'I_n), D (tperm_mx i j) = 1.
Hypothesis pivot : forall x : 'M[R]_1, P (D x) /\ (x 0 0 != 0 -> exists y, x *m y = 1%:M /\ y *m x = 1%:M).

Lemma D_all n (a : 'M[R]_n) : P (D a).
Proof.
elim: n a => [|n IH] a; first by rewrite (_ : a = 1%:M) ?D1 //; apply/matrixP => -[].
case: (pickP (fun ij : 'I_n.+1 * 'I_n.+1 => a ij.1 ij.2 != 0)) => [[i j] ne|z]; last first.
  rewrite (_ : a = 0); first exact: D0.
  by apply/matrixP => i j; rewrite mxE; move: (z (i, j)) => /negbFE/eqP.
pose b : 'M[R]_(1 + n) := xrow 0 i (xcol 0 j a).
have <- : D b = D a by rewrite /b xrowE xcolE !DM !swap mul1r mulr1.
have b0 : ulsubmx b 0 0 != 0 by rewrite !mxE lshift0 !tpermL.
rewrite -[b]submxK; have [Px /(_ b0)[y [xy yx]]] := pivot (ulsubmx b).
by rewrite (D_schur _ _ _ xy yx); apply: PM.
Qed.
End Elimination.

(* The complex numbers as a commutative ring *)
Definition complex_ring (K : fieldType) : comRingType := ComRingType (complex K) (@complex_comm K).

Section Image.
Variable K : fieldType.
Local Notation H := (quaternion K).
Local Notation C := (complex K).
Local Notation Cr := (complex_ring K).

Lemma conj_is_morphism : rmorphism (conj : C -> C).
Proof.
split; first by move=> x y; rewrite linearB.
by split=> [x y|]; [rewrite conjM complex_comm | exact: conj1].
Qed.

Lemma detM n (M L : 'M[C]_n) : \det (M *m L) = \det M * \det L.
Proof. exact: (@det_mulmx Cr). Qed.

Lemma conj_det n (M : 'M[C]_n) : conj (\det M) = \det (map_mx conj M).
Proof. exact: esym (@det_map_mx Cr Cr (RMorphism conj_is_morphism) n M). Qed.

Lemma det_adj n (M : 'M[C]_n) : \det M^* = conj (\det M).
Proof.
have -> : M^* = (map_mx conj M)^T by apply/matrixP => i j; rewrite !mxE.
by rewrite conj_det; exact: (@det_tr Cr).
Qed.

Lemma det_chi_mul n (a b : 'M[H]_n) : \det (chi (a *m b)) = \det (chi a) * \det (chi b).
Proof. by rewrite chi_mul detM. Qed.

Lemma det_chi1 n : \det (chi (1%:M : 'M[H]_n)) = 1.
Proof. by rewrite chi1; exact: (@det1 Cr). Qed.

Lemma chiD m n (a b : 'M[H]_(m, n)) : chi (a + b) = chi a + chi b.
Proof. by have := chi_linear 1 a b; rewrite !scale1r. Qed.

Lemma det_chi_sylvester m n (u : 'M[H]_(m, n)) (v : 'M[H]_(n, m)) :
  \det (chi (1%:M + u *m v)) = \det (chi (1%:M + v *m u)).
Proof.
rewrite (chiD 1%:M (u *m v)) (chiD 1%:M (v *m u)) !chi1 (chi_mul u v) (chi_mul v u).
exact: (@det_sylvester Cr).
Qed.

Lemma chi_real m n (a : 'M[H]_(m, n)) (A : 'M[C]_(m, n)) :
  first_part a = A -> second_part a = 0 -> map_mx conj A = A -> chi a = block_mx A 0 0 A.
Proof. by rewrite /chi => -> -> ->; rewrite conj_mx0 oppr0. Qed.

Lemma det_chi_swap n (i j : 'I_n) : \det (chi (tperm_mx i j : 'M[H]_n)) = 1.
Proof.
rewrite (@chi_real _ _ _ (tperm_mx i j)); first last.
- by apply/matrixP => k l; rewrite !mxE conj_nat.
- by apply/matrixP => k l; rewrite !mxE; case: (_ == _).
- by apply/matrixP => k l; rewrite !mxE; case: (_ == _).
rewrite (@det_ublock Cr) (@det_perm Cr) -expr2 sqrr_sign; reflexivity.
Qed.

(* det times the inverse is the adjugate. *)
Lemma chi_invertible n (a : 'M[H]_n) (c : K) : \det (chi a) = c%:A -> c != 0 -> invertible a.
Proof.
move=> dE nz; pose L : 'M[C]_(n + n) := (c^-1)%:A *: \adj (chi a).
have one : (c^-1)%:A * c%:A = 1 :> C by rewrite -scalerAl mul1r scalerA mulVf // scale1r.
have r : chi a *m L = 1%:M.
  transitivity ((c^-1)%:A *: (chi a *m \adj (chi a))); first exact: esym (@scalemxAr Cr _ _ _ _ _ _).
  by rewrite (@mul_mx_adj Cr) dE scale_scalar_mx one.
have l : L *m chi a = 1%:M by rewrite -scalemxAl (@mul_adj_mx Cr) dE scale_scalar_mx one.
have [b bL] : exists b : 'M[H]_n, chi b = L.
  by apply/image_iff; apply: (like_image_inverse (@complex_comm K) r l); apply/image_iff; exists a.
by exists b; split; apply: (@chi_inj K); rewrite chi_mul chi1 bL.
Qed.
End Image.

Section Positive.
Variables (K : realFieldType) (F : field_over K).
Implicit Types z w : F.

Lemma positive_mul z w : positive z -> positive w -> positive (z * w).
Proof.
move=> [x [x0 ->]] [y [y0 ->]]; exists (x * y); split; first exact: mulr_gt0.
by rewrite -scalerAl mul1r scalerA.
Qed.

Lemma no_divisor_of_one z w : z = 0 -> z * w <> 1.
Proof. by move=> ->; rewrite mul0r => /eqP; rewrite eq_sym oner_eq0. Qed.

Lemma positive_unit z : positive z -> conj z * z = 1 -> z = 1.
Proof.
move=> [c [c0 ->]]; rewrite conj_real -scalerAl mul1r scalerA -[RHS]scale1r => /eqP.
rewrite -subr_eq0 -scalerBl scaler_eq0 oner_eq0 orbF subr_eq0 -expr2 sqrp_eq1 ?ltW // => /eqP ->.
by rewrite scale1r.
Qed.

Lemma between_units (x y z v w r : F) : v = r -> z = y * w -> y = x * v -> x = 1 -> w = 1 -> z = r.
Proof. by move=> -> -> -> -> ->; rewrite mul1r mulr1. Qed.
End Positive.

Section Sign.
Variable K : realFieldType.
Local Notation H := (quaternion K).
Local Notation C := (complex K).

Lemma square_modulus (z : C) : exists c : K, [/\ 0 <= c, z != 0 -> 0 < c & z * conj z = c%:A].
Proof.
case: z => u v; exists (u ^+ 2 + v ^+ 2); split; first by rewrite addr_ge0 ?sqr_ge0.
  move=> nz; rewrite lt0r addr_ge0 ?sqr_ge0 // andbT paddr_eq0 ?sqr_ge0 // !sqrf_eq0.
  by apply: contra nz => /andP[/eqP -> /eqP ->].
change ((u * u - v * (- v), u * (- v) + v * u) = ((u ^+ 2 + v ^+ 2) * 1, (u ^+ 2 + v ^+ 2) * 0) :> C).
by rewrite mulrN opprK mulrN (mulrC v u) addNr mulr1 mulr0 !expr2.
Qed.

(* For one quaternion it is the square of the modulus. *)
Lemma det_chi_one (x : 'M[H]_1) : exists c : K, [/\ 0 <= c, x 0 0 != 0 -> 0 < c & \det (chi x) = c%:A].
Proof.
have [c [c0 cp cE]] := square_modulus (x 0 0).1; have [e [e0 ep eE]] := square_modulus (x 0 0).2.
exists (c + e); split; first exact: addr_ge0.
  case: (x 0 0) cp ep => z w /= cp ep nz; have [z0|zn] := eqVneq z 0; last first.
    by apply: ltr_paddr => //; exact: cp.
  have [w0|wn] := eqVneq w 0; last by apply: ltr_paddl => //; exact: ep.
  by move: nz; rewrite z0 w0 eqxx.
transitivity ((x 0 0).1 * conj (x 0 0).1 + (x 0 0).2 * conj (x 0 0).2 : C); last first.
  by rewrite cE eE scalerDl.
transitivity (first_part x 0 0 * map_mx conj (first_part x) 0 0 -
  second_part x 0 0 * (- map_mx conj (second_part x)) 0 0 : C); first exact: (@det_two (complex_ring K)).
by rewrite !mxE mulrN opprK.
Qed.

Lemma det_chi_ge0 n (a : 'M[H]_n) : \det (chi a) = 0 \/ positive (\det (chi a)).
Proof.
pose P (z : C) := z = 0 \/ positive z.
have P1 : P 1 by right; exists 1; rewrite scale1r; split=> //; exact: ltr01.
have PM (z w : C) : P z -> P w -> P (z * w).
  move=> [->|z0] [->|w0]; first [by left; rewrite ?mul0r ?mulr0 | by right; exact: positive_mul].
apply: (@D_all _ _ (fun n b => \det (chi b)) (@det_chi1 K) (@det_chi_mul K) (@det_chi_sylvester K) P P1 PM).
- move=> m; left; rewrite (_ : chi (0 : 'M[H]_m.+1) = 0); first exact: (@det0 (complex_ring K)).
  have z : chi (0 : 'M[H]_m.+1) + chi 0 = chi 0 + 0 by rewrite -chiD !addr0.
  exact: addrI z.
- by move=> m i j; exact: det_chi_swap.
move=> x; have [c [c0 cp cE]] := det_chi_one x; split; last first.
  by move=> nz; apply: chi_invertible cE _; rewrite gt_eqF // cp.
by have [z|nz] := eqVneq c 0; [left; rewrite cE z scale0r | right; exists c; rewrite lt0r nz].
Qed.

Lemma invertible_det n (a : 'M[H]_n) : invertible a <-> positive (\det (chi a)).
Proof.
split=> [[b [ab _]]|[c [c0 cE]]]; last by apply: chi_invertible cE _; rewrite gt_eqF.
have [z|//] := det_chi_ge0 a; case: (no_divisor_of_one z (w := \det (chi b))).
by transitivity (\det (chi (a *m b))); [exact: esym (det_chi_mul a b) | rewrite ab; exact: det_chi1].
Qed.

Lemma unitary_det n (a : 'M[H]_n) : unitary a -> \det (chi a) = 1.
Proof.
move=> ua; apply: positive_unit; first by apply/invertible_det/unitary_invertible.
have [l _] := ua; transitivity (\det (chi (a^* *m a))); last by rewrite l; exact: det_chi1.
have e : conj (\det (chi a)) = \det (chi a^*) by rewrite (chi_adj a); exact: esym (det_adj (chi a)).
by rewrite e; exact: esym (det_chi_mul a^* a).
Qed.

Lemma diag_det n (s : 'I_n -> K) : \det (chi (diag H s)) = ((\prod_k s k) ^+ 2)%:A.
Proof.
rewrite (@chi_real _ _ _ _ (diag C s)); first last.
- apply/matrixP => i j; rewrite !mxE; case: (_ == _); last by rewrite !mulr0n linear0.
  by rewrite !mulr1n conj_real.
- apply/matrixP => i j; rewrite !mxE; case: (_ == _); rewrite ?mulr1n ?mulr0n //.
  exact: (@scaler0 K C).
- by apply/matrixP => i j; rewrite !mxE; case: (_ == _).
have -> : \det (block_mx (diag C s) 0 0 (diag C s)) = \det (diag C s) * \det (diag C s).
  exact: (@det_ublock (complex_ring K)).
have -> : \det (diag C s) = (\prod_k s k)%:A.
  transitivity (\prod_k (s k)%:A : complex_ring K).
    transitivity (\prod_i ((\row_k (s k)%:A : 'rV[complex_ring K]_n) 0 i)); first exact: (@det_diag (complex_ring K)).
    by apply: eq_bigr => k _; rewrite mxE.
  elim/big_rec2: _ => [|k x y _ ->]; first by rewrite scale1r.
  by change ((s k)%:A * x%:A = (s k * x)%:A :> C); rewrite -scalerAl mul1r scalerA.
by rewrite -scalerAl mul1r scalerA expr2.
Qed.
End Sign.

(** [image-determinant] For every d, by elimination with quaternionic pivots. The real numbers may be any ordered field,
    and U diag(s) V^* any product of this form; that each matrix is one is the singular value decomposition. *)
Theorem image_determinant (K : realFieldType) d :
  [/\ forall a : 'M[quaternion K]_d, \det (chi a) = 0 \/ positive (\det (chi a)),
      forall a : 'M[quaternion K]_d, invertible a <-> positive (\det (chi a)),
      forall a : 'M[quaternion K]_d, unitary a -> \det (chi a) = 1
    & forall (U V : 'M[quaternion K]_d) (s : 'I_d -> K), unitary U -> unitary V ->
      \det (chi (U *m diag (quaternion K) s *m V^*)) = ((\prod_k s k) ^+ 2)%:A].
Proof.
split; [exact: det_chi_ge0 | exact: invertible_det | exact: unitary_det |].
move=> U V s uU uV.
exact: (between_units (diag_det s) (det_chi_mul (U *m diag _ s) V^*) (det_chi_mul U (diag _ s)) (unitary_det uU)
  (unitary_det (unitary_adj uV))).
Qed.
