(* Chapter "The orbit": Lemma 3.2. *)
From mathcomp Require Import all_ssreflect all_algebra.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Import GRing.Theory.
Open Scope ring_scope.

Section Lemma32.
(* real case of Lemma 3.2, over any field: O_d = {U : U^T U = 1} *)
Variables (F : fieldType) (d : nat).
Implicit Types (U V D : 'M[F]_d) (s : 'rV[F]_d).
Definition orth U := U^T *m U = 1%:M.
Lemma commute_diag s D : (forall i j, s 0 i = s 0 j -> i = j) ->
  D *m diag_mx s = diag_mx s *m D -> D = diag_mx (\row_i D i i).
Proof.
move=> inj /matrixP C; apply/matrixP => i j; rewrite !mxE.
case: (altP (i =P j)) => [->|ne]; first by rewrite mulr1n.
rewrite mulr0n; have := C i j; rewrite mul_mx_diag mul_diag_mx !mxE => /eqP.
rewrite (mulrC (s 0 i)) -subr_eq0 -mulrBr mulf_eq0 => /orP [/eqP //|].
by rewrite subr_eq0 => /eqP /inj /esym /eqP; rewrite (negbTE ne).
Qed.
Lemma orthC U : orth U -> U *m U^T = 1%:M.
Proof. exact: mulmx1C. Qed.
(** [lemma-3.2: over R] Over any field, with the transpose for the adjoint. *)
Theorem lemma_3_2 U U' V V' s :
  orth U -> orth U' -> orth V -> orth V' ->
  (forall i, s 0 i != 0) -> (forall i j, s 0 i ^+ 2 = s 0 j ^+ 2 -> i = j) ->
  U *m diag_mx s *m V^T = U' *m diag_mx s *m V'^T ->
  exists! D, [/\ is_diag_mx D, orth D, U' = U *m D & V' = V *m D].
Proof.
move=> oU oU' oV oV' nz inj E.
pose D := U^T *m U'; pose E' := V^T *m V'.
have UD : U' = U *m D by rewrite /D mulmxA (orthC oU) mul1mx.
have VE : V' = V *m E' by rewrite /E' mulmxA (orthC oV) mul1mx.
have oD : orth D by rewrite /orth /D trmx_mul trmxK -mulmxA (mulmxA U) (orthC oU) mul1mx.
have oE : orth E' by rewrite /orth /E' trmx_mul trmxK -mulmxA (mulmxA V) (orthC oV) mul1mx.
have DD : U^T *m U' = D by [].
have EE : V^T *m V' = E' by [].
(* S = D S E^T, hence S E = D S *)
have SE : diag_mx s *m E' = D *m diag_mx s.
  have : U^T *m (U *m diag_mx s *m V^T) *m V' = U^T *m (U' *m diag_mx s *m V'^T) *m V' by rewrite E.
  by rewrite !mulmxA oU mul1mx -!mulmxA oV' mulmx1 mulmxA.
have ES : E' *m diag_mx s = diag_mx s *m D.
  have T : E'^T *m diag_mx s = diag_mx s *m D^T by rewrite -[diag_mx s]tr_diag_mx -!trmx_mul SE.
  have : E' *m (E'^T *m diag_mx s) *m D = E' *m (diag_mx s *m D^T) *m D by rewrite T.
  by rewrite mulmxA (orthC oE) mul1mx -!mulmxA oD mulmx1 => ->.
clearbody D E'.
pose s2 := \row_i (s 0 i ^+ 2).
have S2 : diag_mx s *m diag_mx s = diag_mx s2.
  by apply/matrixP => i j; rewrite mul_diag_mx !mxE mulrnAr expr2.
have C : D *m diag_mx s2 = diag_mx s2 *m D.
  by rewrite -S2 mulmxA -SE -mulmxA ES mulmxA.
have dD : D = diag_mx (\row_i D i i).
  by apply: (@commute_diag s2) => // i j; rewrite !mxE; apply: inj.
have ED : E' = D.
  apply/matrixP => i j; have /matrixP/(_ i j) := SE.
  rewrite mul_diag_mx mul_mx_diag !mxE.
  have [->|ne] := eqVneq i j; first by rewrite (mulrC (D j j)) => /(mulfI (nz j)).
  have -> : D i j = 0 by rewrite dD !mxE (negbTE ne) mulr0n.
  by rewrite mul0r => /eqP; rewrite mulf_eq0 (negbTE (nz i)) => /eqP.
exists D; split.
  split=> //; last by rewrite {1}VE ED.
  by rewrite dD diag_mx_is_diag.
by move=> D' [_ _ U'D _]; rewrite -DD U'D mulmxA oU mul1mx.
Qed.
End Lemma32.
