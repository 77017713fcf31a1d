(* Chapter "The lengths of the tangent vectors": Lemmas 4.1 and 4.2, over R, C and H at once.
   An element of the Lie algebra's basis is named by (k, l, e): A_kl^e if k < l, and D_k^e if k = l. *)
From mathcomp Require Import all_ssreflect all_algebra.
From Mme Require Import fields chebyshev.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Import GRing.Theory.
Open Scope ring_scope.

(* The pairs k < l with all units, and the pairs k = l with the imaginary ones *)
Definition named d b (x : 'I_d * 'I_d * 'I_b) : bool :=
  let: (k, l, e) := x in (k < l)%N || (k == l :> nat) && (e != 0%N :> nat).

(* (4.2) and (4.3); r stands for 1 / sqrt 2 *)
Definition basis (K : fieldType) (F : field_over K) d (r : K) (x : 'I_d * 'I_d * 'I_(beta F)) : 'M[F]_d :=
  let: (k, l, e) := x in
  if (k < l)%N then r%:A *: (unit e *: delta_mx k l - conj (unit e) *: delta_mx l k)
  else unit e *: delta_mx k k.

(* (4.4): a frame p moves the layers p and p + 1; layers and frames are numbered from 0 here. *)
Definition V (K : fieldType) (F : field_over K) d n (l : 'I_d -> K) (a : 'M[F]_d)
    (p : 'I_n) (q : 'I_n.+1) : 'M[F]_d :=
  (if q == p :> nat then a *m diag F l else 0) - (if q == p.+1 :> nat then diag F l *m a else 0).

(* (2.1), for layers that are numbered from 0 *)
Definition sum_pair (K : fieldType) (F : field_over K) d n (Y Z : 'I_n -> 'M[F]_d) : K :=
  \sum_q pair (Y q) (Z q).

Section Gram.
Variables (K : fieldType) (F : field_over K) (d : nat).
Implicit Types (a b : 'M[F]_d) (w : 'I_d -> 'I_d -> K) (x y : 'I_d * 'I_d * 'I_(beta F)).

(* Pairings with a weight for each place *)
Let B w a b := \sum_i \sum_j w i j * re (conj (a i j) * b i j).

Let BDl w a a' b : B w (a + a') b = B w a b + B w a' b.
Proof.
rewrite -big_split; apply: eq_bigr => i _; rewrite -big_split; apply: eq_bigr => j _.
by rewrite /= mxE linearD mulrDl linearD mulrDr.
Qed.

Let BDr w a b b' : B w a (b + b') = B w a b + B w a b'.
Proof.
rewrite -big_split; apply: eq_bigr => i _; rewrite -big_split; apply: eq_bigr => j _.
by rewrite /= mxE mulrDr linearD mulrDr.
Qed.

Let BZl w (c : K) a b : B w (c%:A *: a) b = c * B w a b.
Proof.
rewrite mulr_sumr; apply: eq_bigr => i _; rewrite mulr_sumr; apply: eq_bigr => j _.
by rewrite mxE -scalerAl mul1r linearZ -scalerAl linearZ /= mulrCA.
Qed.

Let BZr w (c : K) a b : B w a (c%:A *: b) = c * B w a b.
Proof.
rewrite mulr_sumr; apply: eq_bigr => i _; rewrite mulr_sumr; apply: eq_bigr => j _.
by rewrite mxE -scalerAl mul1r -scalerAr linearZ /= mulrCA.
Qed.

Let BNl w a b : B w (- a) b = - B w a b.
Proof. by have := BZl w (-1) a b; rewrite scaleN1r scaleNr scale1r mulN1r. Qed.

Let BNr w a b : B w a (- b) = - B w a b.
Proof. by have := BZr w (-1) a b; rewrite scaleN1r scaleNr scale1r mulN1r. Qed.

Let Bdelta w (s t : F) i j k l : B w (s *: delta_mx i j) (t *: delta_mx k l) =
  ((i == k) && (j == l))%:R * (w i j * re (conj s * t)).
Proof.
have zero (f : {linear F -> F}) : f 0 = 0 by exact: linear0.
rewrite /B (bigD1 i) //= [X in _ + X]big1 => [|i' ne]; last first.
  by apply: big1 => j' _; rewrite !mxE (negbTE ne) mulr0n mulr0 zero mul0r linear0 mulr0.
rewrite addr0 (bigD1 j) //= [X in _ + X]big1 => [|j' ne]; last first.
  by rewrite !mxE eqxx (negbTE ne) mulr0n mulr0 zero mul0r linear0 mulr0.
rewrite addr0 !mxE !eqxx mulr1; case: andP => [_|_] /=; first by rewrite mulr1 mul1r.
by rewrite mulr0n !mulr0 linear0 mulr0 mul0r.
Qed.

Let re_unit' e e' : re (conj (conj (unit e)) * conj (unit e') : F) = (e == e')%:R.
Proof. by rewrite conjK reC re_unit eq_sym. Qed.

(* All of Lemmas 4.1 and 4.2 in one line, for a weight that is symmetric. *)
Lemma basis_orthogonal w r x y : 2%:R * r ^+ 2 = 1 -> (forall i j, w i j = w j i) -> named x -> named y ->
  B w (basis r x) (basis r y) = (x == y)%:R * w x.1.1 x.1.2.
Proof.
move=> rr sym; case: x y => [[k l] e] [[k' l'] e'] /=.
have E : ((k, l, e) == (k', l', e')) = [&& k == k', l == l' & e == e'] by rewrite !xpair_eqE andbA.
have half s : r * (r * (s + s)) = s.
  by rewrite -[s + s]/(s *+ 2) -mulr_natl !mulrA -expr2 (mulrC _ 2%:R) rr mul1r.
case: ltngtP => //= [lt _|kl im]; case: ltngtP => //= [lt' _|kl' im'].
- rewrite BZl BZr BDl !BDr !BNl !BNr !Bdelta re_unit re_unit' E (sym l k).
  have -> : (k == l') && (l == k') = false.
    by apply/negbTE/negP => /andP[/eqP a /eqP b]; move: lt; rewrite a b ltnNge (ltnW lt').
  have -> : (l == k') && (k == l') = false.
    by apply/negbTE/negP => /andP[/eqP a /eqP b]; move: lt; rewrite a b ltnNge (ltnW lt').
  rewrite !mul0r oppr0 addr0 add0r opprK (andbC (l == l') (k == k')) half.
  by case: (k == k'); case: (l == l'); case: (e == e'); rewrite ?mulr1 ?mul1r ?mulr0 ?mul0r.
- have apart (m : 'I_d) : (k == m) && (l == m) = false.
    by apply/negbTE/negP => /andP[/eqP a /eqP b]; move: lt; rewrite a b ltnn.
  by rewrite BZl BDl !BNl !Bdelta E -(ord_inj kl') andbA (andbC (l == k')) !apart !mul0r subr0 mulr0.
- have apart (m : 'I_d) : (m == k') && (m == l') = false.
    by apply/negbTE/negP => /andP[/eqP a /eqP b]; move: lt'; rewrite -a -b ltnn.
  by rewrite BZr BDr !BNr !Bdelta E -(ord_inj kl) andbA (andbC (k == l')) !apart !mul0r subr0 mulr0.
rewrite Bdelta re_unit E -(ord_inj kl) -(ord_inj kl') andbA andbb.
by case: (k == k'); case: (e == e'); rewrite ?mulr1 ?mul1r ?mulr0 ?mul0r.
Qed.

Lemma pair_basis r x b : pair (basis r x) b = B (fun _ _ => 1) (basis r x) b.
Proof. by rewrite pairE; apply: eq_bigr => i _; apply: eq_bigr => j _; rewrite mul1r. Qed.

Lemma basis_skew r x : named x -> (basis r x)^* = - basis r x.
Proof.
case: x => [[k l] e] /=; case: ltngtP => //= [_ _|_ ne].
  apply/matrixP => i j; rewrite !mxE -!scalerAl !mul1r linearZ linearB /= !conjM !conj_nat.
  rewrite -scalerN opprB conjK (andbC (j == k)) (andbC (j == l)).
  by congr (_ *: (_ - _)); rewrite mulr_natl mulr_natr.
apply/matrixP => i j; rewrite !mxE conjM conj_nat conj_unit (negbTE ne) (andbC (j == k)).
by rewrite mulrN mulr_natl mulr_natr.
Qed.

(* What is skew and orthogonal to the basis vanishes. *)
Lemma basis_complete r a : 2%:R * r ^+ 2 = 1 -> a^* = - a ->
  (forall x, named x -> pair (basis r x) a = 0) -> a = 0.
Proof.
move=> rr /matrixP skew orth.
have two : (2%:R : K) != 0 by apply/eqP => z; move: rr; rewrite z mul0r => /esym/eqP; rewrite oner_eq0.
have r0 : r != 0 by apply/eqP => z; move: rr; rewrite z expr0n mulr0 => /esym/eqP; rewrite oner_eq0.
have skewE i j : conj (a i j) = - a j i by have := skew j i; rewrite !mxE.
have place s k l : B (fun _ _ => 1) (s *: delta_mx k l) a = re (conj s * a k l).
  rewrite /B (bigD1 k) //= [X in _ + X]big1 => [|i ne]; last first.
    apply: big1 => j _; rewrite mul1r !mxE (negbTE ne) mulr0n mulr0.
    by rewrite (linear0 (conj : {linear F -> F})) mul0r linear0.
  rewrite addr0 (bigD1 l) //= [X in _ + X]big1 => [|j ne]; last first.
    by rewrite mul1r !mxE eqxx (negbTE ne) mulr0n mulr0 (linear0 (conj : {linear F -> F})) mul0r linear0.
  by rewrite addr0 mul1r !mxE !eqxx mulr1.
have twice (c : K) : c = - c -> c = 0.
  by move/eqP; rewrite -addr_eq0 -mulr2n -mulr_natl mulf_eq0 (negbTE two) => /eqP.
have upper (k l : 'I_d) : (k < l)%N -> a k l = 0.
  move=> lt; rewrite [a k l]unit_span big1 // => e _.
  have nm : named (k, l, e) by rewrite /= lt.
  have := orth _ nm; rewrite pair_basis /= lt BZl BDl BNl !place conjK.
  have -> : re (unit e * a l k) = - re (conj (unit e) * a k l).
    by rewrite -[in RHS]re_conj conjM conjK skewE mulNr linearN opprK /= reC.
  rewrite opprK -mulr2n -mulr_natl => /eqP; rewrite !mulf_eq0 (negbTE r0) (negbTE two) => /eqP ->.
  by rewrite scale0r.
apply/matrixP => k l; rewrite mxE; case: (ltngtP k l) => [lt|lt|/ord_inj <-]; first exact: upper.
  by have := skewE l k; rewrite upper // linear0 => /eqP; rewrite eq_sym oppr_eq0 => /eqP.
rewrite [a k k]unit_span big1 // => e _; have [e0|ne] := eqVneq (e : nat) 0%N.
  rewrite [re _]twice ?scale0r // -[in LHS]re_conj conjM conjK skewE mulNr linearN /= reC.
  by rewrite conj_unit e0 eqxx.
have nm : named (k, k, e) by rewrite /= eqxx ne orbT.
have := orth _ nm; rewrite pair_basis /= ltnn place => ->.
by rewrite scale0r.
Qed.

Lemma basis_span r a : 2%:R * r ^+ 2 = 1 -> a^* = - a ->
  a = \sum_(x | named x) (pair (basis r x) a)%:A *: basis r x.
Proof.
move=> rr skew; apply/eqP; rewrite -subr_eq0; apply/eqP/(basis_complete rr) => [|x nx].
  rewrite adjD adjN skew opprB addrC; congr (_ - _); apply/eqP; rewrite eqr_oppLR -sumrN; apply/eqP.
  rewrite (big_morph (@adj K F d d) (@adjD K F d d) (@adj0 K F d d)); apply: eq_bigr => y ny.
  by rewrite adjZ basis_skew // scalerN.
have zero b : B (fun _ _ => 1) b 0 = 0.
  by apply: big1 => i _; apply: big1 => j _; rewrite mxE mulr0 linear0 mulr0.
rewrite pair_basis BDr BNr (big_morph (B (fun _ _ => 1) (basis r x)) (BDr _ _) (zero _)) (bigD1 x) //= big1 => [|y /andP[ny ne]].
  by rewrite addr0 BZr (basis_orthogonal rr) // eqxx mul1r mulr1 pair_basis subrr.
by rewrite BZr (basis_orthogonal rr) // eq_sym (negbTE ne) mul0r mulr0.
Qed.

(* Scalars: one frame moves two layers. *)
Lemma two_layers n (x y : K) (p p' : 'I_n) :
  \sum_(q < n.+1) ((if q == p :> nat then y else 0) - (if q == p.+1 :> nat then x else 0)) *
     ((if q == p' :> nat then y else 0) - (if q == p'.+1 :> nat then x else 0)) = M n x y p p'.
Proof.
have one (s t : K) (i j : nat) : (i < n.+1)%N ->
  \sum_(q < n.+1) (if q == i :> nat then s else 0) * (if q == j :> nat then t else 0) =
  if i == j then s * t else 0.
  move=> lt; rewrite (bigD1 (Ordinal lt)) //= eqxx big1 ?addr0 => [|q ne]; first by case: ifP; rewrite ?mulr0.
  by rewrite -val_eqE /= in ne; rewrite (negbTE ne) mul0r.
under eq_bigr do rewrite mulrBl !mulrBr.
rewrite !sumrB !one ?ltnS ?(ltnW (ltn_ord p)) ?ltn_ord // M_tridiag mxE eqSS (eq_sym p.+1).
have [e|ne] := eqVneq (p : nat) p'.
  by rewrite e (ltn_eqF (ltnSn p')) subr0 sub0r opprK addrC -!expr2.
rewrite sub0r subr0; case: eqP => [e|_]; last by rewrite oppr0 sub0r; case: ifP; rewrite ?oppr0.
by rewrite e ltn_eqF ?subr0 1?mulrC.
Qed.

Lemma sum_pair_V n (l : 'I_d -> K) a b (p p' : 'I_n) :
  sum_pair (V l a p) (V l b p') = B (fun i j => M n (l i) (l j) p p') a b.
Proof.
pose f (i j : 'I_d) (p : 'I_n) (q : 'I_n.+1) :=
  (if q == p :> nat then l j else 0) - (if q == p.+1 :> nat then l i else 0).
have VE c r (q : 'I_n.+1) i j : V l c r q i j = f i j r q *: c i j.
  rewrite mxE [X in _ + X]mxE /f scalerBl; congr (_ - _).
    by case: ifP => _; [rewrite mulmx_diag | rewrite mxE scale0r].
  by case: ifP => _; [rewrite mul_diag | rewrite mxE scale0r].
rewrite /sum_pair; under eq_bigr do rewrite pairE.
rewrite exchange_big; apply: eq_bigr => i _; rewrite exchange_big; apply: eq_bigr => j _.
rewrite -two_layers mulr_suml; apply: eq_bigr => q _.
by rewrite !VE linearZ -scalerAl -scalerAr scalerA linearZ.
Qed.

End Gram.


(* Over the basis: each pair k < l as often as there are units, and each k one time less. *)
Lemma big_named R (idx : R) (op : Monoid.com_law idx) d b (f : 'I_d -> 'I_d -> R) :
  \big[op/idx]_(x | @named d b x) f x.1.1 x.1.2 =
  op (\big[op/idx]_(kl : 'I_d * 'I_d | (kl.1 < kl.2)%N) \big[op/idx]_(e < b) f kl.1 kl.2)
     (\big[op/idx]_(k < d) \big[op/idx]_(e < b.-1) f k k).
Proof.
have -> : \big[op/idx]_(x | @named d b x) f x.1.1 x.1.2 =
  \big[op/idx]_(kl : 'I_d * 'I_d) \big[op/idx]_(e | @named d b (kl.1, kl.2, e)) f kl.1 kl.2.
  by rewrite pair_big_dep /=; apply: eq_big => [[[k l] e]|].
rewrite (bigID (fun kl : 'I_d * 'I_d => (kl.1 < kl.2)%N)) /=; congr (op _ _).
  by apply: eq_bigr => -[k l] /= lt; apply: eq_bigl => e; rewrite lt.
rewrite big_mkcond /= -(pair_bigA _ (fun k l : 'I_d => if ~~ (k < l)%N then
  \big[op/idx]_(e | @named d b (k, l, e)) f k l else idx)) /=.
apply: eq_bigr => k _; rewrite (bigD1 k) //= [X in op _ X]big1 => [|l ne].
  rewrite Monoid.mulm1 ltnn eqxx /=; case: b => [|b]; first by rewrite !big_ord0.
  rewrite big_mkcond big_ord_recl /= Monoid.mul1m; exact: eq_bigr.
case: (boolP (k < l)%N) => //= lt; apply: big_pred0 => e.
by rewrite -val_eqE /= eq_sym in ne; rewrite (negbTE ne).
Qed.

Lemma card_named d b : #|[pred x | @named d b x]| = (b * 'C(d, 2) + b.-1 * d)%N.
Proof.
have ones m : (\sum_(e < m) 1)%N = m by rewrite sum1_card card_ord.
rewrite -sum1_card (@big_named _ _ addn_comoid d b (fun _ _ => 1%N)) /= !ones.
rewrite big_const_ord iter_addn_0; congr (_ + _)%N.
rewrite (eq_bigr (fun _ => b * 1)%N) => [|i _]; last by rewrite muln1.
rewrite -big_distrr /= -(pair_big_dep xpredT (fun k l : 'I_d => (k < l)%N) (fun _ _ => 1%N)) /=; congr (_ * _)%N.
rewrite (exchange_big_dep xpredT) //= -triangular_sum big_mkord; apply: eq_bigr => l _.
rewrite sum1_card -[RHS]card_ord -(card_image (f := widen_ord (ltnW (ltn_ord l)))) ; last first.
  by move=> i j /(congr1 val)/= /val_inj.
apply: eq_card => k; apply/idP/imageP => [lt|[i _ ->]]; last by case: i => i lt.
by exists (Ordinal (lt : (k < l)%N)) => //; apply: val_inj.
Qed.

(** [lemma-4.1] Over R, C and H at once; r stands for 1 / sqrt 2. *)
Theorem lemma_4_1 (K : fieldType) (F : field_over K) d (r : K) : 2%:R * r ^+ 2 = 1 ->
  [/\ forall x, named x -> (basis r x)^* = - basis r x :> 'M[F]_d,
      forall x y, named x -> named y -> pair (basis r x : 'M[F]_d) (basis r y) = (x == y)%:R,
      forall a : 'M[F]_d, a^* = - a -> a = \sum_(x | named x) (pair (basis r x) a)%:A *: basis r x
    & #|[pred x | @named d (beta F) x]| = (beta F * 'C(d, 2) + (beta F).-1 * d)%N].
Proof.
move=> rr; split; [exact: basis_skew | | by move=> a; exact: basis_span | exact: card_named].
by move=> x y nx ny; rewrite pair_basis (basis_orthogonal rr) // mulr1.
Qed.

(** [lemma-4.2] Over R, C and H at once, with n = N - 1; r stands for 1 / sqrt 2. The vectors V are those of (4.4),
    layer by layer; eq_4_4 in blocks.v has them from the orbit map. For x = (k, l, e) with k < l it is (4.5), with k = l
    it is (4.6), and for one of each kind it says that they are orthogonal. *)
Theorem lemma_4_2 (K : fieldType) (F : field_over K) d n (r : K) (lam : 'I_d -> K)
    (p p' : 'I_n) (x y : 'I_d * 'I_d * 'I_(beta F)) :
  2%:R * r ^+ 2 = 1 -> named x -> named y ->
  sum_pair (V lam (basis r x : 'M[F]_d) p) (V lam (basis r y) p') =
  if x == y then
    let: (k, l, e) := x in
    if p == p' then lam k ^+ 2 + lam l ^+ 2
    else if (p == p'.+1 :> nat) || (p' == p.+1 :> nat) then - (lam k * lam l) else 0
  else 0.
Proof.
move=> rr nx ny; rewrite sum_pair_V (basis_orthogonal rr) // => [|i j]; last first.
  by rewrite !M_tridiag (addrC (lam j ^+ 2)) (mulrC (lam j)).
case: eqP => _; last by rewrite mul0r.
case: x nx => [[k l] e] _ /=; rewrite mul1r M_tridiag mxE -[p == p']/(p == p' :> nat).
by case: ifP => // _; case: eqP => //= _; case: eqP.
Qed.
