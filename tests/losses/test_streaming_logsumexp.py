"""Streaming log-sum-exp against the plain one."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from reseen.losses.streaming_logsumexp import streaming_logsumexp, streaming_logsumexp_and_top, top_logits


def _case(seed, queries, rows, hidden):
    generator = torch.Generator().manual_seed(seed)
    q = torch.randn(queries, 5, generator=generator, dtype=torch.float64, requires_grad=True)
    m = torch.randn(rows, 5, generator=generator, dtype=torch.float64)
    away = torch.randint(-1, rows, (queries, hidden), generator=generator)
    logits = 3 * q @ m.T - 0.7 * m.square().sum(dim=1)
    mask = torch.zeros_like(logits, dtype=torch.bool)
    for row in range(queries):
        for column in away[row].tolist():
            if column >= 0:
                mask[row, column] = True
    return q, m, away, logits.masked_fill(mask, -torch.inf)


@given(st.integers(0, 1000), st.integers(1, 6), st.integers(4, 30), st.integers(0, 3), st.integers(1, 40))
def test_value_and_gradient_equal_the_plain_sum_whatever_the_chunk(seed, queries, rows, hidden, chunk):
    q, m, away, logits = _case(seed, queries, rows, hidden)
    expected = logits.logsumexp(dim=1)
    found = streaming_logsumexp(q, m, 3.0, 0.7, away, chunk)
    torch.testing.assert_close(found, expected)
    weight = torch.linspace(1, 2, queries, dtype=torch.float64)
    (one,) = torch.autograd.grad((found * weight).sum(), q)
    (other,) = torch.autograd.grad((expected * weight).sum(), q)
    torch.testing.assert_close(one, other)


@given(st.integers(0, 1000), st.integers(4, 30), st.integers(1, 40))
def test_known_squared_lengths_change_nothing(seed, rows, chunk):
    q, m, away, logits = _case(seed, 3, rows, 2)
    found, best = streaming_logsumexp_and_top(
        q, m, 2, 3.0, lengths=0.7, hidden=away, chunk=chunk, squares=m.square().sum(dim=1)
    )
    torch.testing.assert_close(found, logits.logsumexp(dim=1))
    assert torch.equal(best, top_logits(q, m, 2, 3.0, 0.7, away, chunk))
    others, _ = streaming_logsumexp_and_top(
        q, m, 2, 3.0, lengths=0.7, hidden=away, chunk=chunk, squares=torch.zeros(rows, dtype=q.dtype)
    )
    assert not torch.allclose(found, others)  # they are what is read


@given(st.integers(0, 1000), st.integers(1, 5), st.integers(4, 30), st.integers(1, 12), st.integers(1, 40))
def test_the_highest_logits_equal_a_sort(seed, queries, rows, count, chunk):
    q, m, away, logits = _case(seed, queries, rows, 2)
    found = top_logits(q, m, count, 3.0, lengths=0.7, hidden=away, chunk=chunk)
    for row in range(queries):
        order = [c for c in logits[row].argsort(descending=True).tolist() if logits[row, c] > -torch.inf]
        expected = order[:count]
        assert found[row].tolist() == expected + [-1] * (count - len(expected))
    value, again = streaming_logsumexp_and_top(q, m, count, 3.0, lengths=0.7, hidden=away, chunk=chunk)
    assert torch.equal(again, found)
    torch.testing.assert_close(value, logits.logsumexp(dim=1))


def test_huge_logits_do_not_overflow():
    q = torch.tensor([[1.0, 0.0]], requires_grad=True)
    m = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    found = streaming_logsumexp(q, m, 1e4)
    found.sum().backward()
    assert float(found.detach()) == pytest.approx(1e4)
    assert torch.isfinite(q.grad).all()


def test_a_memory_of_zeros_gives_the_logarithm_of_its_rows():
    assert float(streaming_logsumexp(torch.ones(1, 3), torch.zeros(50, 3), 20.0)) == pytest.approx(3.912023)


def test_where_every_row_is_hidden_there_is_no_gradient():
    q = torch.randn(2, 5, requires_grad=True)
    m = torch.randn(3, 5)
    away = torch.tensor([[0, 1, 2], [-1, 0, 1]])
    found = streaming_logsumexp(q, m, 30.0, 15.0, away)
    assert float(found[0].detach()) == -torch.inf
    (gradient,) = torch.autograd.grad(found[1] + torch.logaddexp(found[0], torch.tensor(0.3)), q)
    assert not bool(gradient[0].any())
    assert bool(gradient.isfinite().all())
    assert bool(gradient[1].any())
