(* Chapter "Blocks along the diagonal": Proposition 4.3 with (4.9), over R, C and H at once; and (4.4). *)
From mathcomp Require Import all_ssreflect all_algebra.
From Mme Require Import fields frames chebyshev gram.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Import GRing.Theory.
Open Scope ring_scope.

(* The basis in some order, and the numbers k and l of its elements *)
Notation size d b := #|[pred x | @named d b x]|.
Definition element d b (i : 'I_(size d b)) : 'I_d * 'I_d * 'I_b := enum_val i.
Definition first d b (i : 'I_(size d b)) : 'I_d := (element i).1.1.
Definition second d b (i : 'I_(size d b)) : 'I_d := (element i).1.2.

(* The Gram matrix of the tangent vectors, ordered by the element of the basis first and by the frame second *)
Definition gram (K : fieldType) (F : field_over K) d n (r : K) (lam : 'I_d -> K) :
    'M[K]_(\sum_(i < size d (beta F)) n) :=
  \mxblock_(i, j) (\matrix_(p, p') sum_pair (V lam (basis r (element i) : 'M[F]_d) p)
                                             (V lam (basis r (element j)) p') : 'M_(n, n)).

Lemma det_mxdiag (R : comRingType) m (p : 'I_m -> nat) (B : forall i, 'M[R]_(p i)) :
  \det (\mxdiag_i B i) = \prod_i \det (B i).
Proof.
have cast a b (e : a = b) (A : 'M[R]_a) : \det (castmx (e, e) A) = \det A by case: b / e; rewrite castmx_id.
elim: m p B => [|m IH] p B.
  have z : (\sum_i p i)%N = 0%N by rewrite big_ord0.
  by rewrite [RHS]big_ord0 -(cast _ _ z) det_mx00.
by rewrite mxdiag_recl cast det_ublock big_ord_recl IH.
Qed.

Lemma prod_named (K : fieldType) d b (f : 'I_d -> 'I_d -> K) :
  \prod_(i < size d b) f (first i) (second i) =
  \prod_(kl : 'I_d * 'I_d | (kl.1 < kl.2)%N) f kl.1 kl.2 ^+ b * \prod_k f k k ^+ b.-1.
Proof.
rewrite -(@big_enum_val _ _ _ _ [pred x | @named d b x] (fun x => f x.1.1 x.1.2)) big_named.
by congr (_ * _); apply: eq_bigr => x _; rewrite prodr_const card_ord.
Qed.

(** [proposition-4.3: the direct sum] Over R, C and H at once; mxdiag is the direct sum of square matrices. *)
Theorem gram_blocks (K : fieldType) (F : field_over K) d n (r : K) (lam : 'I_d -> K) :
  2%:R * r ^+ 2 = 1 ->
  gram F n r lam = \mxdiag_(i < size d (beta F)) M n (lam (first i)) (lam (second i)).
Proof.
move=> rr; apply: eq_mxblock => i j; apply/matrixP => p p'; rewrite mxE.
have ni := enum_valP i; have nj := enum_valP j.
rewrite sum_pair_V (basis_orthogonal rr) // => [|k l]; last first.
  by rewrite !M_tridiag (addrC (lam l ^+ 2)) (mulrC (lam l)).
rewrite (inj_eq enum_val_inj); case: eqP => _; last by rewrite mul0r mxE.
by rewrite mul1r conform_mx_id.
Qed.

(** [proposition-4.3: (4.9)] The products are over all pairs k < l, and over all k. *)
Theorem eq_4_9 (K : fieldType) (F : field_over K) d n (r : K) (lam : 'I_d -> K) :
  2%:R * r ^+ 2 = 1 ->
  \det (gram F n r lam) =
  \prod_(kl : 'I_d * 'I_d | (kl.1 < kl.2)%N) \det (M n (lam kl.1) (lam kl.2)) ^+ beta F *
  \prod_k \det (M n (lam k) (lam k)) ^+ (beta F).-1.
Proof.
by move=> rr; rewrite gram_blocks // det_mxdiag (prod_named _ (fun k l => \det (M n (lam k) (lam l)))).
Qed.

(** [proposition-4.3] Both claims, over R, C and H at once, with n = N - 1; r stands for 1 / sqrt 2. The blocks come in
    the order of (k, l, e): for each k those of l = k, then those of l > k. *)
Theorem proposition_4_3 (K : fieldType) (F : field_over K) d n (r : K) (lam : 'I_d -> K) :
  2%:R * r ^+ 2 = 1 ->
  gram F n r lam = \mxdiag_(i < size d (beta F)) M n (lam (first i)) (lam (second i)) /\
  \det (gram F n r lam) =
  \prod_(kl : 'I_d * 'I_d | (kl.1 < kl.2)%N) \det (M n (lam kl.1) (lam kl.2)) ^+ beta F *
  \prod_k \det (M n (lam k) (lam k)) ^+ (beta F).-1.
Proof. by move=> rr; split; [exact: gram_blocks | exact: eq_4_9]. Qed.

(** [lemma-4.2: (4.4) from (2.5)] The vectors V are the differential of (2.5) at the frames 1 for X = Sigma, with
    N = n + 1: one frame moves along a, all others stand still. Layers and frames are numbered from 1 in (2.5). *)
Theorem eq_4_4 (K : realFieldType) (F : field_over K) d n (lam : 'I_d -> K) (a : 'M[F]_d)
    (p : 'I_n) (q : 'I_n.+1) : a^* = - a ->
  differential n.+1 1%:M 1%:M lam (fun=> 1%:M) (fun r => if r == p.+1 then a else 0) q.+1 = V lam a p q.
Proof.
move=> skew; rewrite /differential /V /chain /= !if_same adj1 mulmx1 mul1mx eqSS.
congr (_ + _); first by case: ifP; rewrite ?mul0mx.
by case: ifP => _; rewrite ?skew ?adj0 ?mulmxN ?mulmx0 ?oppr0.
Qed.
