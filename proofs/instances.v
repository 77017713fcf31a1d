(* Chapter "Three fields, one notation": R, C and H are fields in the sense of fields.v, with beta = 1, 2, 4.
   C is made of pairs of real numbers, H of pairs of complex ones, by one doubling: (a, b) is a + b i, and a + b j. *)
From mathcomp Require Import all_ssreflect all_algebra.
From Mme Require Import fields.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Import GRing.Theory.
Open Scope ring_scope.

(* The real numbers *)
Section Real.
Variable K : fieldType.
Let alg := [algType K of K^o].
Let id_linear : {linear alg -> alg} := [linear of idfun].
Let re_linear : {scalar alg} := [linear of idfun].

Lemma real_unit_conj (e : 'I_1) : id_linear 1 = if e == 0%N :> nat then 1 else - 1.
Proof. by rewrite ord1. Qed.
Lemma real_re_unit (e e' : 'I_1) : re_linear (id_linear 1 * 1) = (e == e')%:R.
Proof. by rewrite !ord1 /= mulr1. Qed.
Lemma real_span (x : alg) : x = \sum_(e < 1) re_linear (id_linear 1 * x) *: (1 : alg).
Proof. by rewrite big_ord1 /= mul1r [_ *: _]mulr1. Qed.

Definition real : field_over K :=
  @FieldOver K 1 alg id_linear re_linear (fun _ => 1)
    (fun x y => mulrC x y) (fun x => erefl) (fun e _ => erefl) real_unit_conj
    (fun x => erefl) (fun x y => mulrC x y) real_re_unit real_span.

Lemma real_comm (x y : real) : x * y = y * x.
Proof. exact: mulrC. Qed.
End Real.

(* Pairs over a field whose products commute *)
Section Double.
Variables (K : fieldType) (F : field_over K).
Hypothesis comm : forall x y : F, x * y = y * x.

Definition pairs : Type := (F * F)%type.
Canonical pairs_eqType := [eqType of pairs].
Canonical pairs_choiceType := [choiceType of pairs].
Canonical pairs_zmodType := [zmodType of pairs].
Canonical pairs_lmodType := [lmodType K of pairs].
Implicit Types x y z : pairs.

Definition pairs_mul x y : pairs :=
  (x.1 * y.1 - x.2 * conj y.2, x.1 * y.2 + x.2 * conj y.1).
Definition pairs_one : pairs := (1, 0).

Let conj0 : conj (0 : F) = 0. Proof. exact: linear0. Qed.

Lemma pairs_mulA : associative pairs_mul.
Proof.
move=> [a b] [c e] [g h]; rewrite /pairs_mul /= !linearD !linearN /= !conjM !conjK.
rewrite (comm (conj h) (conj c)) (comm g (conj e)) (comm (conj g) (conj c)) (comm h (conj e)).
rewrite !mulrBl !mulrBr !mulrDl !mulrDr !mulrA; congr (_, _).
  by rewrite !opprD !addrA [LHS]addrAC; congr (_ - _); rewrite addrAC.
by rewrite !addrA [LHS]addrAC; congr (_ + _); rewrite addrAC.
Qed.
Lemma pairs_mul1 : left_id pairs_one pairs_mul.
Proof. by move=> [a b]; rewrite /pairs_mul /= !mul1r !mul0r subr0 addr0. Qed.
Lemma pairs_mulr1 : right_id pairs_one pairs_mul.
Proof. by move=> [a b]; rewrite /pairs_mul /= conj1 conj0 !mulr1 !mulr0 subr0 add0r. Qed.
Lemma pairs_mulDl : left_distributive pairs_mul +%R.
Proof.
move=> [a b] [c e] [g h]; rewrite /pairs_mul /= !mulrDl opprD; congr (_, _); exact: addrACA.
Qed.
Lemma pairs_mulDr : right_distributive pairs_mul +%R.
Proof.
move=> [a b] [c e] [g h]; rewrite /pairs_mul /= !linearD /= !mulrDr opprD; congr (_, _); exact: addrACA.
Qed.
Lemma pairs_one_neq0 : pairs_one != 0.
Proof. by apply/eqP => -[/eqP]; rewrite oner_eq0. Qed.

Definition pairs_ringMixin :=
  RingMixin pairs_mulA pairs_mul1 pairs_mulr1 pairs_mulDl pairs_mulDr pairs_one_neq0.
Canonical pairs_ringType := RingType pairs pairs_ringMixin.

Lemma pairs_scaleAl (c : K) x y : c *: (x * y) = (c *: x : pairs) * y.
Proof.
case: x y => [a b] [g h]; change ((c *: (a * g - b * conj h), c *: (a * h + b * conj g)) =
  ((c *: a) * g - (c *: b) * conj h, (c *: a) * h + (c *: b) * conj g) :> pairs).
by rewrite scalerBr scalerDr !scalerAl.
Qed.
Canonical pairs_lalgType := LalgType K pairs pairs_scaleAl.
Lemma pairs_scaleAr (c : K) x y : c *: (x * y) = x * (c *: y : pairs).
Proof.
case: x y => [a b] [g h]; change ((c *: (a * g - b * conj h), c *: (a * h + b * conj g)) =
  (a * (c *: g) - b * conj (c *: h), a * (c *: h) + b * conj (c *: g)) :> pairs).
by rewrite !linearZ /= scalerBr scalerDr !scalerAr.
Qed.
Canonical pairs_algType := AlgType K pairs pairs_scaleAr.

Definition pairs_conj x : pairs := (conj x.1, - x.2).
Lemma pairs_conj_linear : linear pairs_conj.
Proof.
move=> c [a b] [g h]; change ((conj (c *: a + g), - (c *: b + h)) = (c *: conj a + conj g, c *: - b + - h) :> pairs).
by rewrite linearP /= opprD scalerN.
Qed.
Definition pairs_re x : K^o := re x.1.
Lemma pairs_re_linear : linear pairs_re.
Proof. by move=> c [a b] [g h]; rewrite /pairs_re /= linearP. Qed.
Definition pairs_unit (e : 'I_(beta F + beta F)) : pairs :=
  match split e with inl e => (unit e, 0) | inr e => (0, unit e) end.

Let cl := Linear pairs_conj_linear.
Let rl : {scalar pairs} := Linear pairs_re_linear.

Lemma pairs_conjM x y : cl (x * y) = cl y * cl x.
Proof.
case: x y => [a b] [g h]; change ((conj (a * g - b * conj h), - (a * h + b * conj g)) =
  (conj g * conj a - (- h) * conj (- b), conj g * (- b) + (- h) * conj (conj a)) :> pairs).
rewrite linearB linearN /= !conjM !conjK mulrNN mulrN mulNr opprD (comm (conj g) b) (comm h a).
by congr (_, _); rewrite addrC.
Qed.
Lemma pairs_conjK : involutive cl.
Proof. by move=> [a b]; rewrite /= /pairs_conj /= conjK opprK. Qed.
Lemma pairs_unit1 (e : 'I_(beta F + beta F)) : e = 0%N :> nat -> pairs_unit e = 1.
Proof.
rewrite /pairs_unit; case: splitP => e' -> z; first by rewrite unit1.
by have := leq_ltn_trans (leq0n e') (ltn_ord e'); rewrite lt0n; move/eqP: z; rewrite addn_eq0 => /andP[->].
Qed.
Lemma pairs_conj_unit (e : 'I_(beta F + beta F)) :
  cl (pairs_unit e) = if e == 0%N :> nat then pairs_unit e else - pairs_unit e.
Proof.
rewrite /pairs_unit; case: splitP => e' -> /=.
  change ((conj (unit e'), - 0) = if e' == 0%N :> nat then (unit e', 0) else (- unit e', - 0) :> pairs).
  by rewrite conj_unit oppr0; case: ifP.
have -> : (beta F + e' == 0)%N = false.
  by rewrite addn_eq0 -[beta F == 0%N]negbK -lt0n (leq_ltn_trans (leq0n e') (ltn_ord e')).
by change ((conj 0, - unit e') = (- 0, - unit e') :> pairs); rewrite conj0 oppr0.
Qed.
Lemma pairs_re_conj x : rl (cl x) = rl x.
Proof. by case: x => a b; apply: re_conj. Qed.
Lemma pairs_reC x y : rl (x * y) = rl (y * x).
Proof.
case: x y => [a b] [g h]; change (re (a * g - b * conj h) = re (g * a - h * conj b)).
by rewrite !linearB /= (comm g) -(re_conj (h * _)) conjM conjK.
Qed.
Lemma pairs_re_unit e e' : rl (cl (pairs_unit e) * pairs_unit e') = (e == e')%:R.
Proof.
rewrite -val_eqE /pairs_unit /=; case: (splitP e) => i ->; case: (splitP e') => j ->.
- change (re (conj (unit i) * unit j - (- 0) * conj 0) = (i == j)%:R).
  by rewrite conj0 mulr0 subr0 re_unit.
- change (re (conj (unit i) * 0 - (- 0) * conj (unit j)) = (i == (beta F + j)%N :> nat)%:R).
  by rewrite oppr0 mul0r mulr0 subr0 linear0 ltn_eqF // ltn_addr.
- change (re (conj 0 * unit j - (- unit i) * conj 0) = ((beta F + i)%N == j :> nat)%:R).
  by rewrite conj0 mul0r mulr0 subr0 linear0 gtn_eqF // ltn_addr.
change (re (conj 0 * 0 - (- unit i) * conj (unit j)) = ((beta F + i)%N == (beta F + j)%N :> nat)%:R).
by rewrite mulr0 sub0r mulNr opprK reC re_unit eqn_add2l eq_sym.
Qed.
Lemma pairs_span x : x = \sum_e rl (cl (pairs_unit e) * x) *: pairs_unit e.
Proof.
case: x => a b; rewrite big_split_ord /=.
have left e : pairs_unit (lshift _ e) = (unit e, 0) by rewrite /pairs_unit (unsplitK (inl _ e)).
have right e : pairs_unit (rshift _ e) = (0, unit e) by rewrite /pairs_unit (unsplitK (inr _ e)).
have l (e : 'I_(beta F)) : rl (cl (pairs_unit (lshift _ e)) * (a, b)) *: pairs_unit (lshift _ e) =
    (re (conj (unit e) * a) *: unit e, 0) :> pairs.
  rewrite left; change ((re (conj (unit e) * a - (- 0) * conj b) *: unit e, re (conj (unit e) * a - (- 0) * conj b) *: 0) = (re (conj (unit e) * a) *: unit e, 0) :> pairs).
  by rewrite scaler0 oppr0 mul0r subr0.
have r (e : 'I_(beta F)) : rl (cl (pairs_unit (rshift _ e)) * (a, b)) *: pairs_unit (rshift _ e) =
    (0, re (conj (unit e) * b) *: unit e) :> pairs.
  rewrite right; change ((re (conj 0 * a - (- unit e) * conj b) *: 0, re (conj 0 * a - (- unit e) * conj b) *: unit e) =
     (0, re (conj (unit e) * b) *: unit e) :> pairs).
  by rewrite scaler0 conj0 mul0r sub0r mulNr opprK -(re_conj (_ * conj b)) conjM conjK comm.
rewrite (eq_bigr _ (fun e _ => l e)) (eq_bigr _ (fun e _ => r e)).
have first (G : 'I_(beta F) -> F) : \sum_e ((G e, 0) : pairs) = (\sum_e G e, 0).
  by elim/big_rec2: _ => [//|e y z _ ->]; congr (_, _); rewrite addr0.
have second (G : 'I_(beta F) -> F) : \sum_e ((0, G e) : pairs) = (0, \sum_e G e).
  by elim/big_rec2: _ => [//|e y z _ ->]; congr (_, _); rewrite addr0.
rewrite first second -!unit_span; change ((a, b) = (a + 0, 0 + b) :> pairs).
by rewrite addr0 add0r.
Qed.

Definition double : field_over K :=
  @FieldOver K _ pairs_algType cl rl pairs_unit pairs_conjM pairs_conjK pairs_unit1 pairs_conj_unit
    pairs_re_conj pairs_reC pairs_re_unit pairs_span.

Lemma double_comm : (forall x : F, conj x = x) -> forall x y : double, x * y = y * x.
Proof.
move=> real [a b] [g h]; change ((a * g - b * conj h, a * h + b * conj g) = (g * a - h * conj b, g * b + h * conj a) :> pairs).
by rewrite !real (comm a g) (comm b h) (comm a h) (comm b g) (addrC (h * a)).
Qed.
End Double.

(* C: the double of the real numbers *)
Definition complex (K : fieldType) : field_over K := double (@real_comm K).
Lemma complex_comm (K : fieldType) (x y : complex K) : x * y = y * x.
Proof. exact: double_comm. Qed.

(* H: the double of the complex numbers *)
Definition quaternion (K : fieldType) : field_over K := double (@complex_comm K).

(** [lemma-4.1: (4.1), for the units of R, C and H] R is K itself, C the double of R, and H the double of C. *)
Theorem eq_4_1 (K : fieldType) :
  [/\ beta (real K) = 1%N /\ (forall e e' : 'I_(beta (real K)), re (conj (unit e) * unit e') = (e == e')%:R),
      beta (complex K) = 2%N /\
      (forall e e' : 'I_(beta (complex K)), re (conj (unit e) * unit e') = (e == e')%:R)
    & beta (quaternion K) = 4%N /\
      (forall e e' : 'I_(beta (quaternion K)), re (conj (unit e) * unit e') = (e == e')%:R)].
Proof. by split; split=> // e e'; apply: re_unit. Qed.
