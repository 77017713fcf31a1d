(* Chapter "Layers in balance": the algebra of balanced layers and of the two actions on them.
   Layers are a sequence W, of which W 1, ..., W N count. *)
From mathcomp Require Import all_ssreflect all_algebra.
From Mme Require Import fields.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Import GRing.Theory.
Open Scope ring_scope.

(* The end-to-end matrix W_N ... W_1 *)
Fixpoint phi (K : fieldType) (F : field_over K) d N (W : nat -> 'M[F]_d) : 'M[F]_d :=
  if N is n.+1 then W n.+1 *m phi n W else 1%:M.

Definition balanced (K : fieldType) (F : field_over K) d N (W : nat -> 'M[F]_d) : Prop :=
  forall p, (1 <= p < N)%N -> (W p.+1)^* *m W p.+1 = W p *m (W p)^*.

Definition invertible (K : fieldType) (F : field_over K) d (A : 'M[F]_d) : Prop :=
  exists B, A *m B = 1%:M /\ B *m A = 1%:M.

(* (2.1) *)
Definition layers_pair (K : fieldType) (F : field_over K) d N (Y Z : nat -> 'M[F]_d) : K :=
  \sum_(1 <= p < N.+1) pair (Y p) (Z p).

(* (2.3), with Q 0 = Q N = 1 *)
Definition act (K : fieldType) (F : field_over K) d (Q W : nat -> 'M[F]_d) p : 'M[F]_d :=
  Q p *m W p *m (Q p.-1)^*.

(* (2.4) *)
Definition act_ends (K : fieldType) (F : field_over K) d N (L R : 'M[F]_d) (W : nat -> 'M[F]_d) p : 'M[F]_d :=
  (if p == N then L else 1%:M) *m W p *m (if p == 1%N then R else 1%:M)^*.

(* O_X, the balanced factorisations of X by invertible layers *)
Definition orbit (K : fieldType) (F : field_over K) d N (X : 'M[F]_d) (W : nat -> 'M[F]_d) : Prop :=
  [/\ phi N W = X, balanced N W & forall p, (1 <= p <= N)%N -> invertible (W p)].

Fixpoint mxpow (R : ringType) d (A : 'M[R]_d) n : 'M[R]_d := if n is m.+1 then A *m mxpow A m else 1%:M.

Section Balance.
Variables (K : fieldType) (F : field_over K) (d : nat).
Implicit Types (A B L R X : 'M[F]_d) (W Q Y Z : nat -> 'M[F]_d) (N : nat).

Lemma mxpowSr A n : mxpow A n.+1 = mxpow A n *m A.
Proof. by elim: n => [|n IH] /=; rewrite ?mulmx1 ?mul1mx // -mulmxA -IH. Qed.

Lemma invertible_mul A B : invertible A -> invertible B -> invertible (A *m B).
Proof.
move=> [A' [rA lA]] [B' [rB lB]]; exists (B' *m A'); split.
  by rewrite mulmxA -(mulmxA A) rB mulmx1.
by rewrite mulmxA -(mulmxA B') lA mulmx1.
Qed.

Lemma unitary_invertible A : unitary A -> invertible A.
Proof. by move=> [lA rA]; exists A^*. Qed.

(* Balance moves W_p^* W_p through the layers below it. *)
Lemma balance_through N W p : balanced N W -> (p.+1 <= N)%N ->
  (W p.+1)^* *m W p.+1 *m phi p W = phi p W *m ((W 1%N)^* *m W 1%N).
Proof.
move=> bal; elim: p => [|p IH] le /=; first by rewrite mulmx1 mul1mx.
by rewrite bal ?le // -!mulmxA -IH ?(ltnW le) // !mulmxA.
Qed.

(** [balance-powers] Both equations. *)
Theorem balance_powers N W : (0 < N)%N -> balanced N W ->
  (phi N W)^* *m phi N W = mxpow ((W 1%N)^* *m W 1%N) N /\
  phi N W *m (phi N W)^* = mxpow (W N *m (W N)^*) N.
Proof.
move=> N0 bal; split.
  have: (N <= N)%N by []; move: {1 3 4 5}N => p; elim: p => [|p IH] le.
    by rewrite /= adj1 mulmx1.
  rewrite mxpowSr -IH ?(ltnW le) //= adj_mul -!mulmxA; congr (_ *m _).
  by rewrite -(balance_through bal le) !mulmxA.
case: N N0 bal => // n _.
elim: n => [|n IH] bal; first by rewrite /= !mulmx1.
have shift m A B : A *m mxpow (B *m A) m = mxpow (A *m B) m *m A.
  by elim: m => [|m IHm] /=; rewrite ?mulmx1 ?mul1mx // -!mulmxA -IHm !mulmxA.
have {}IH : phi n.+1 W *m (phi n.+1 W)^* = mxpow (W n.+1 *m (W n.+1)^*) n.+1.
  by apply: IH => p /andP[p1 lt]; apply: bal; rewrite p1 ltnW.
rewrite [phi n.+2 W]/(W n.+2 *m phi n.+1 W) adj_mul mulmxA -(mulmxA (W n.+2)) IH.
by rewrite -(bal n.+1) ?ltnSn // shift -mulmxA [RHS]mxpowSr.
Qed.

Lemma phi_act N Q W : (forall p, unitary (Q p)) -> phi N (act Q W) = Q N *m phi N W *m (Q 0%N)^*.
Proof.
move=> uQ; elim: N => [|n IH] /=; first by rewrite mulmx1; case: (uQ 0%N).
rewrite IH /act /= !mulmxA -(mulmxA (_ *m W n.+1)).
by case: (uQ n) => -> _; rewrite mulmx1.
Qed.

Lemma act_balanced N Q W : (forall p, unitary (Q p)) -> balanced N W -> balanced N (act Q W).
Proof.
move=> uQ bal p le; rewrite /act !adj_mul !adjK /= !mulmxA.
have [l r] := uQ p.+1; rewrite -(mulmxA (Q p *m _)) l mulmx1.
have [l' r'] := uQ p.-1; rewrite -(mulmxA (Q p *m W p)) l' mulmx1.
by rewrite -(mulmxA (Q p)) bal // mulmxA.
Qed.

Lemma mulmx_realZ (c : K) A B : A *m (c%:A *: B) = c%:A *: (A *m B).
Proof.
apply/matrixP => i j; rewrite !mxE mulr_sumr; apply: eq_bigr => k _.
by rewrite mxE !mulrA real_comm.
Qed.

(** [frame-action] The frames are Q 1, ..., Q (N-1), with Q 0 = Q N = 1. *)
Theorem frame_action N X Q W : (forall p, unitary (Q p)) -> Q 0%N = 1%:M -> Q N = 1%:M ->
  [/\ forall P p, act P (act Q W) p = act (fun q => P q *m Q q) W p /\ act (fun=> 1%:M) W p = W p,
      forall (c : K) Y Z p, act Q (fun q => c%:A *: Y q + Z q) p = c%:A *: act Q Y p + act Q Z p,
      forall Y Z, layers_pair N (act Q Y) (act Q Z) = layers_pair N Y Z,
      phi N (act Q W) = phi N W /\ (balanced N W -> balanced N (act Q W))
    & orbit N X W -> orbit N X (act Q W)].
Proof.
move=> uQ Q0 QN.
have product : phi N (act Q W) = phi N W by rewrite phi_act // Q0 QN adj1 mulmx1 mul1mx.
split=> //.
- by move=> P p; rewrite /act adj_mul adj1 mul1mx mulmx1 !mulmxA.
- by move=> c Y Z p; rewrite /act mulmxDr mulmxDl mulmx_realZ -scalemxAl.
- by move=> Y Z; apply: eq_bigr => p _; apply: pair_unitary => //; apply: unitary_adj.
- by split=> //; apply: act_balanced.
move=> [<- bal inv]; split=> //; first exact: act_balanced.
move=> p le; apply: invertible_mul; last exact/unitary_invertible/unitary_adj.
by apply: invertible_mul; [exact: unitary_invertible | exact: inv].
Qed.

Lemma phi_ends N L R W : (0 < N)%N -> phi N (act_ends N L R W) = L *m phi N W *m R^*.
Proof.
case: N => // n _; have below m : (m < n.+1)%N -> (0 < m)%N -> phi m (act_ends n.+1 L R W) = phi m W *m R^*.
  elim: m => // m IH lt _; rewrite [LHS]/= {1}/act_ends (ltn_eqF lt) mul1mx.
  case: m IH lt => [|m] IH lt; first by rewrite /= !mulmx1.
  by rewrite /= adj1 mulmx1 -/(phi m.+1 _) IH ?(ltnW lt) // mulmxA.
rewrite [LHS]/= {1}/act_ends eqxx; case: n below => [|n] below; first by rewrite /= !mulmx1.
by rewrite /= adj1 mulmx1 -/(phi n.+1 _) below // !mulmxA.
Qed.

(** [proposition-2.1: all but the volumes] The action maps orbits to orbits, keeps (2.1), and has an inverse. *)
Theorem proposition_2_1 N X L R : (0 < N)%N -> unitary L -> unitary R ->
  [/\ forall W, orbit N X W -> orbit N (L *m X *m R^*) (act_ends N L R W),
      forall Y Z, layers_pair N (act_ends N L R Y) (act_ends N L R Z) = layers_pair N Y Z
    & forall W p, act_ends N L^* R^* (act_ends N L R W) p = W p].
Proof.
move=> N0 uL uR.
have uE (b : bool) A : unitary A -> unitary (if b then A else 1%:M).
  by case: b => // _; exact: unitary1.
have adjE (b : bool) A : (if b then A else 1%:M)^* = if b then A^* else 1%:M by case: b; rewrite ?adj1.
split.
- move=> W [<- bal inv]; split; first exact: phi_ends.
    move=> p /andP[p1 pN]; rewrite /act_ends (ltn_eqF pN) (gtn_eqF (p1 : (1 < p.+1)%N)).
    rewrite adj1 mulmx1 mul1mx !adj_mul adjK -mulmxA (mulmxA (if _ then _ else _)^*).
    have [-> _] := uE (p.+1 == N) _ uL; rewrite mul1mx bal ?p1 // -mulmxA (mulmxA (if _ then _ else _)^*).
    by have [-> _] := uE (p == 1%N) _ uR; rewrite mul1mx.
  move=> p le; apply: invertible_mul; last exact/unitary_invertible/unitary_adj/uE.
  by apply: invertible_mul; [exact/unitary_invertible/uE | exact: inv].
- by move=> Y Z; apply: eq_bigr => p _; apply: pair_unitary; [exact: uE | exact/unitary_adj/uE].
move=> W p; rewrite /act_ends -!adjE adjK !mulmxA.
have [-> _] := uE (p == N) _ uL; rewrite mul1mx -mulmxA.
by have [-> _] := uE (p == 1%N) _ uR; rewrite mulmx1.
Qed.

End Balance.
