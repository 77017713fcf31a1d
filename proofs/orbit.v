(* Chapter "The orbit of the frames": Lemmas 3.1 and 3.2, over R, C and H at once.
   Lemma 3.1 starts from a singular value decomposition of the first layer. *)
From mathcomp Require Import all_ssreflect all_algebra.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
From Mme Require Import fields balance.
Open Scope ring_scope.

(* The diagonal matrices diag(u_1, ..., u_d) with u_k in F and |u_k| = 1 *)
Definition T (K : fieldType) (F : field_over K) d (D : 'M[F]_d) : Prop :=
  exists u : 'rV[F]_d, D = diag_mx u /\ forall k, conj (u 0 k) * u 0 k = 1.

Section Orbit.
Variables (K : fieldType) (F : field_over K) (d : nat).
Implicit Types (U V A B D : 'M[F]_d) (W Q : nat -> 'M[F]_d) (s l : 'I_d -> K).

Lemma commute_diag s A : injective s -> A *m diag F s = diag F s *m A -> A = diag_mx (\row_k A k k).
Proof.
move=> inj /matrixP C; apply/matrixP => i j; rewrite !mxE.
case: (altP (i =P j)) => [->|ne]; first by rewrite mulr1n.
rewrite mulr0n; have := C i j; rewrite mulmx_diag mul_diag => /eqP.
rewrite -subr_eq0 -scalerBl scaler_eq0 subr_eq0 => /orP[/eqP/inj/esym/eqP|/eqP //].
by rewrite (negbTE ne).
Qed.

Lemma svd_unique s U V U' V' : (forall k, s k != 0) -> injective (fun k => s k * s k) ->
  unitary U -> unitary V -> unitary U' -> unitary V' ->
  U *m diag F s *m V^* = U' *m diag F s *m V'^* ->
  exists! D, [/\ T D, U' = U *m D & V' = V *m D].
Proof.
move=> nz inj [U1 U2] [V1 V2] [U1' U2'] [V1' V2'] E.
pose A := U^* *m U'; pose B := V^* *m V'.
have UA : U' = U *m A by rewrite mulmxA U2 mul1mx.
have VB : V' = V *m B by rewrite mulmxA V2 mul1mx.
have A1 : A^* *m A = 1%:M by rewrite adj_mul adjK -mulmxA (mulmxA U) U2 mul1mx.
have B2 : B *m B^* = 1%:M by rewrite adj_mul adjK -mulmxA (mulmxA V') V2' mul1mx.
have B1 : B^* *m B = 1%:M by rewrite adj_mul adjK -mulmxA (mulmxA V) V2 mul1mx.
have A2 : A *m A^* = 1%:M by rewrite adj_mul adjK -mulmxA (mulmxA U') U2' mul1mx.
have AB : A *m diag F s = diag F s *m B.
  have : U^* *m (U *m diag F s *m V^*) *m V' = U^* *m (U' *m diag F s *m V'^*) *m V' by rewrite E.
  by rewrite !mulmxA U1 mul1mx -!mulmxA V1' mulmx1 mulmxA => ->.
have BA : B *m diag F s = diag F s *m A.
  have e : diag F s *m A^* = B^* *m diag F s.
    by rewrite -{1}[diag F s]adj_diag -adj_mul AB adj_mul adj_diag.
  have : B *m (B^* *m diag F s) *m A = B *m (diag F s *m A^*) *m A by rewrite e.
  by rewrite mulmxA B2 mul1mx -!mulmxA A1 mulmx1 => ->.
have dA : A = diag_mx (\row_k A k k).
  by apply: (commute_diag inj); rewrite -diag_mul mulmxA AB -mulmxA BA mulmxA.
have eq_AB : B = A.
  apply/matrixP => i j; have /matrixP/(_ i j) := AB; rewrite mulmx_diag mul_diag.
  have [->|ne] := eqVneq i j; first by move/(scalerI (nz j)).
  have -> : A i j = 0 by rewrite dA !mxE (negbTE ne) mulr0n.
  by rewrite scaler0 => /esym/eqP; rewrite scaler_eq0 (negbTE (nz i)) => /eqP.
exists A; split; last by move=> D [_ U'D _]; rewrite /A U'D mulmxA U1 mul1mx.
split=> //; last by rewrite -eq_AB.
exists (\row_k A k k); split=> // k; rewrite !mxE.
have /matrixP/(_ k k) := A1; rewrite !mxE eqxx (bigD1 k) //= big1 ?addr0 ?mxE //.
by move=> j ne; rewrite [A j k](_ : _ = 0) ?mulr0 // dA !mxE (negbTE ne) mulr0n.
Qed.

Lemma balanced_frames N W l U V : (forall k, l k != 0) ->
  balanced N W -> (forall p, (1 <= p <= N)%N -> invertible (W p)) ->
  unitary U -> unitary V -> W 1%N = U *m diag F l *m V^* ->
  exists Q, [/\ Q 0%N = V, Q 1%N = U, forall p, (p <= N)%N -> unitary (Q p)
              & forall p, (1 <= p <= N)%N -> W p = Q p *m diag F l *m (Q p.-1)^*].
Proof.
move=> nz bal inv uU uV W1; pose l' k := (l k)^-1.
have ll' : diag F l *m diag F l' = 1%:M.
  by rewrite diag_mul -diag1; apply/matrixP => i j; rewrite !mxE /l' divff.
have l'l : diag F l' *m diag F l = 1%:M.
  by rewrite diag_mul -diag1; apply/matrixP => i j; rewrite !mxE /l' mulVf.
pose fix Q p := if p is q.+1 then if q is r.+1 then W q.+1 *m Q q *m diag F l' else U else V.
have step p : Q p.+2 = W p.+2 *m Q p.+1 *m diag F l' by [].
have main p : (p < N)%N -> [/\ unitary (Q p), unitary (Q p.+1) & W p.+1 = Q p.+1 *m diag F l *m (Q p)^*].
  elim: p => [|p IH] lt; first by split.
  have [uP uQ Wp] := IH (ltnW lt); have [lP _] := uP; have [lQ rQ] := uQ.
  have [W' [rW lW]] : invertible (W p.+2) by exact: inv.
  have square : (W p.+2)^* *m W p.+2 = Q p.+1 *m diag F l *m diag F l *m (Q p.+1)^*.
    rewrite bal ?lt // Wp !adj_mul adjK adj_diag !mulmxA -(mulmxA _ (Q p)^*) lP mulmx1 //.
  have left : (Q p.+2)^* *m Q p.+2 = 1%:M.
    rewrite step !adj_mul adj_diag !mulmxA -(mulmxA _ (W p.+2)^*) square !mulmxA.
    rewrite -(mulmxA _ (Q p.+1)^*) lQ mulmx1 -(mulmxA _ (diag F l)) ll' mulmx1.
    by rewrite -(mulmxA _ (Q p.+1)^*) lQ mulmx1.
  have right : Q p.+2 *m (diag F l *m (Q p.+1)^* *m W') = 1%:M.
    by rewrite step !mulmxA -(mulmxA _ (diag F l')) l'l mulmx1 -(mulmxA (W p.+2)) rQ mulmx1.
  have same : (Q p.+2)^* = diag F l *m (Q p.+1)^* *m W'.
    by rewrite -[LHS]mulmx1 -right mulmxA left mul1mx.
  split=> //; first by split=> //; rewrite same.
  by rewrite step -(mulmxA (_ *m Q p.+1)) l'l mulmx1 -mulmxA rQ mulmx1.
exists Q; split=> // p; last by case: p => // p /main[].
by case: p => // -[|p] // /main[].
Qed.

End Orbit.

(** [lemma-3.1: from a given decomposition of the first layer] That W_1 = U Lambda V^* exists is assumed, in any order
    of Lambda; the induction is proved. *)
Theorem lemma_3_1 (K : realFieldType) (F : field_over K) d N (W : nat -> 'M[F]_d)
    (l : 'I_d -> K) (U V : 'M[F]_d) :
  balanced N W -> (forall p, (1 <= p <= N)%N -> invertible (W p)) ->
  unitary U -> unitary V -> (forall k, 0 < l k) -> W 1%N = U *m diag F l *m V^* ->
  exists Q, [/\ Q 0%N = V, Q 1%N = U, forall p, (p <= N)%N -> unitary (Q p)
              & forall p, (1 <= p <= N)%N -> W p = Q p *m diag F l *m (Q p.-1)^*].
Proof. by move=> bal inv uU uV pos; apply: balanced_frames => // k; rewrite lt0r_neq0. Qed.

(** [lemma-3.2] Over R, C and H at once. *)
Theorem lemma_3_2 (K : realFieldType) (F : field_over K) d
    (s : 'I_d -> K) (U V U' V' : 'M[F]_d) :
  (forall k, 0 < s k) -> injective s ->
  unitary U -> unitary V -> unitary U' -> unitary V' ->
  U *m diag F s *m V^* = U' *m diag F s *m V'^* ->
  exists! D, [/\ T D, U' = U *m D & V' = V *m D].
Proof.
move=> pos inj; apply: svd_unique => [k|i j]; first by rewrite lt0r_neq0.
by rewrite -!expr2 => /eqP; rewrite eqr_expn2 ?ltW // => /eqP/inj.
Qed.
