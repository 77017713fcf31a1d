(* Chapter "Determinants that Chebyshev knew": Lemma 5.1, Proposition 5.2 with (5.1), (5.2), (5.3), and (1.3).
   Over any commutative ring where there is no division, over any field where there is. *)
From mathcomp Require Import all_ssreflect all_algebra.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Open Scope ring_scope.

(* tridiag n l m u has m on the diagonal, l below it, u above it, and 0 elsewhere. *)
Definition tridiag (R : ringType) n (l m u : R) : 'M[R]_n :=
  \matrix_(i, j) (if i == j :> nat then m else
                  if i == j.+1 :> nat then l else if j == i.+1 :> nat then u else 0).

(* (4.7): the path's adjacency matrix, 1 beside the diagonal *)
Definition J (R : ringType) n : 'M[R]_n := tridiag n 1 0 1.

(* (4.8) *)
Definition M (R : comRingType) n (a b : R) : 'M[R]_n := (a ^+ 2 + b ^+ 2)%:M - (a * b) *: J R n.

(* Chebyshev's polynomials of the second kind *)
Fixpoint U (R : ringType) n (x : R) : R :=
  if n is m.+1 then if m is k.+1 then x *+ 2 * U m x - U k x else x *+ 2 else 1.

Lemma U_rec (R : ringType) n (x : R) : U n.+2 x = x *+ 2 * U n.+1 x - U n x.
Proof. by []. Qed.

Section CommutativeRing.
Variable R : comRingType.
Implicit Types a b c s x : R.

Lemma M_tridiag n a b : M n a b = tridiag n (- (a * b)) (a ^+ 2 + b ^+ 2) (- (a * b)).
Proof.
apply/matrixP => i j; rewrite !mxE -[i == j]/(i == j :> nat).
have [_|_] := eqVneq (i : nat) j; first by rewrite mulr1n mulr0 subr0.
by rewrite mulr0n sub0r; case: ifP => _; [rewrite mulr1 | case: ifP => _; rewrite ?mulr1 // mulr0 oppr0].
Qed.

Lemma det_tridiag0 l m u : \det (tridiag 0 l m u : 'M[R]_0) = 1.
Proof. by rewrite det_mx00. Qed.

Lemma det_tridiag1 l m u : \det (tridiag 1 l m u : 'M[R]_1) = m.
Proof. by rewrite det_mx11 mxE. Qed.

(* Two steps back: expand along the first row, then along the first column. *)
Lemma det_tridiag_rec n l m u :
  \det (tridiag n.+2 l m u : 'M[R]_ _) = m * \det (tridiag n.+1 l m u) - l * u * \det (tridiag n l m u).
Proof.
have E1 : row' ord0 (col' ord0 (tridiag n.+2 l m u)) = tridiag n.+1 l m u.
  by apply/matrixP => i j; rewrite !mxE !lift0 /= ?eqSS.
have E2 : cofactor (tridiag n.+2 l m u) ord0 (lift ord0 ord0) = - l * \det (tridiag n l m u).
  rewrite /cofactor /= expr1 mulN1r mulNr; congr (- _).
  set B := row' _ _.
  rewrite (expand_det_col B ord0) big_ord_recl big1 ?addr0; last first.
    by move=> i _; rewrite !mxE /= /bump /= ?add1n /= ?mul0r.
  have -> : B ord0 ord0 = l by rewrite !mxE /=.
  rewrite /cofactor /= addn0 expr0 mul1r.
  by congr (l * \det _); apply/matrixP => i j; rewrite !mxE /= /bump /= ?add1n ?eqSS.
rewrite (expand_det_row _ ord0) !big_ord_recl big1 ?addr0; last first.
  by move=> i _; rewrite !mxE /= /bump /= ?add1n /= mul0r.
by rewrite E2 /cofactor E1 addn0 expr0 mul1r !mxE /= mulNr mulrN mulrA (mulrC u).
Qed.

(* A geometric sum in two letters obeys the same recurrence. *)
Let S x y n := \sum_(p < n.+1) x ^+ (n - p) * y ^+ p.

Let SSx x y n : S x y n.+1 = x * S x y n + y ^+ n.+1.
Proof.
rewrite /S big_ord_recr /= subnn expr0 mul1r; congr (_ + _).
rewrite big_distrr /=; apply: eq_bigr => i _.
by rewrite mulrA -exprS subSn // -ltnS.
Qed.

Let S_rec x y n : S x y n.+2 = (x + y) * S x y n.+1 - x * y * S x y n.
Proof.
rewrite [LHS]SSx mulrDl -addrA; congr (_ + _).
by rewrite (SSx x y n) mulrDr -exprS mulrA (mulrC y x) addrAC subrr add0r.
Qed.

Lemma det_M_sum n a b : \det (M n a b) = \sum_(p < n.+1) (a ^+ 2) ^+ (n - p) * (b ^+ 2) ^+ p.
Proof.
rewrite M_tridiag -/(S _ _ _); set m := a ^+ 2 + b ^+ 2; set l := - (a * b).
pose D n := \det (tridiag n l m l); rewrite -/(D n).
suff: D n = S (a ^+ 2) (b ^+ 2) n /\ D n.+1 = S (a ^+ 2) (b ^+ 2) n.+1 by case.
have S0 : S (a ^+ 2) (b ^+ 2) 0 = 1 by rewrite /S big_ord1 !expr0 mulr1.
elim: n => [|n [IH1 IH2]]; first by rewrite /D det_tridiag0 det_tridiag1 SSx S0 mulr1 expr1.
by split; [exact: IH2 | rewrite S_rec -IH1 -IH2 /D det_tridiag_rec mulrNN -expr2 exprMn].
Qed.

End CommutativeRing.

(** [lemma-5.1] For every n, over any commutative ring. *)
Theorem lemma_5_1 (R : comRingType) n (x : R) : \det (tridiag n (-1) (x *+ 2) (-1)) = U n x.
Proof.
pose D n := \det (tridiag n (-1) (x *+ 2) (-1)); rewrite -/(D n).
suff: D n = U n x /\ D n.+1 = U n.+1 x by case.
elim: n => [|n [IH1 IH2]]; first by rewrite /D det_tridiag0 det_tridiag1.
by split=> //; rewrite U_rec -IH1 -IH2 /D det_tridiag_rec mulrNN mul1r mul1r.
Qed.

(** [proposition-5.2: (5.1), the sum] For every N, over any commutative ring. *)
Theorem eq_5_1_sum (R : comRingType) N (a b : R) : (0 < N)%N ->
  \det (M N.-1 a b) = \sum_(p < N) a ^+ (2 * (N.-1 - p)) * b ^+ (2 * p).
Proof.
by case: N => // n _; rewrite det_M_sum; apply: eq_bigr => p _; rewrite -!exprM.
Qed.

(** [proposition-5.2: (5.1), Chebyshev] Over any field in which 2ab is not 0. *)
Theorem eq_5_1_chebyshev (F : fieldType) n (a b : F) : 2%:R * (a * b) != 0 ->
  \det (M n a b) = (a * b) ^+ n * U n ((a ^+ 2 + b ^+ 2) / (2%:R * (a * b))).
Proof.
move=> nz; have ab : a * b != 0 by move: nz; rewrite mulf_eq0 negb_or => /andP[].
rewrite -lemma_5_1 -detZ; congr (\det _); rewrite M_tridiag; apply/matrixP => i j; rewrite !mxE.
case: ifP => _; last by case: ifP => _; [|case: ifP => _]; rewrite ?mulr0 // mulrN1.
by rewrite mulrnAr -mulrnAl -[(a * b) *+ 2]mulr_natl [RHS]mulrC divfK.
Qed.

(** [proposition-5.2: (5.2)] Without division, over any commutative ring. *)
Theorem eq_5_2 (R : comRingType) N (a b : R) : (0 < N)%N ->
  (a ^+ 2 - b ^+ 2) * \det (M N.-1 a b) = a ^+ (2 * N) - b ^+ (2 * N).
Proof. by case: N => // n _; rewrite det_M_sum !exprM [RHS]subrXX. Qed.

(** [proposition-5.2: (5.3)] Over any commutative ring. *)
Theorem eq_5_3 (R : comRingType) N (a : R) : (0 < N)%N ->
  \det (M N.-1 a a) = N%:R * a ^+ (2 * N.-1).
Proof.
case: N => // n _; rewrite det_M_sum (eq_bigr (fun=> (a ^+ 2) ^+ n)); last first.
  by move=> i _; rewrite -exprD subnK // -ltnS.
by rewrite sumr_const card_ord -mulr_natl exprM.
Qed.

(** [proposition-5.2] As the paper states it, over any ordered field. *)
Theorem proposition_5_2 (R : realFieldType) N (a b : R) : 0 < a -> 0 < b -> (0 < N)%N ->
  [/\ \det (M N.-1 a b) = (a * b) ^+ N.-1 * U N.-1 ((a ^+ 2 + b ^+ 2) / (2%:R * (a * b))),
      \det (M N.-1 a b) = \sum_(p < N) a ^+ (2 * (N.-1 - p)) * b ^+ (2 * p),
      a != b -> \det (M N.-1 a b) = (a ^+ (2 * N) - b ^+ (2 * N)) / (a ^+ 2 - b ^+ 2)
    & \det (M N.-1 a a) = N%:R * a ^+ (2 * N.-1)].
Proof.
move=> a0 b0 N0; split; [|exact: eq_5_1_sum| |exact: eq_5_3].
  by apply: eq_5_1_chebyshev; rewrite !mulf_neq0 ?pnatr_eq0 ?lt0r_neq0.
by move=> ne; rewrite -(eq_5_2 _ _ N0) mulrAC mulfV ?mul1r // subr_eq0 eqr_expn2 ?ltW.
Qed.

(** [theorem-1.1: (1.3)] With a and b for the squares of two singular values of a layer; over any field. *)
Theorem eq_1_3 (F : fieldType) N (a b : F) : a != b ->
  (a ^+ N - b ^+ N) / (a - b) = \sum_(p < N) a ^+ (N.-1 - p) * b ^+ p.
Proof. by move=> ne; rewrite subrXX mulrAC mulfV ?subr_eq0 // mul1r. Qed.
