import torch

from reseen.losses import cluster_contrast, weighted_cross_entropy
from reseen.memory import Classifier


def unit(values):
    return torch.nn.functional.normalize(values, dim=1)


def test_it_starts_as_the_contrast_with_centroids_and_then_learns():
    generator = torch.Generator().manual_seed(0)
    centroids, features = (unit(torch.randn(n, 8, generator=generator)) for n in (5, 12))
    labels = torch.randint(0, 5, (12,), generator=generator)
    classifier = Classifier(centroids, 0.05)
    losses = []
    for _ in range(20):
        loss = weighted_cross_entropy(classifier.logits(features, 0.1), labels)
        loss.backward()
        classifier.step()
        losses.append(float(loss.detach()))
    assert abs(losses[0] - float(cluster_contrast(features, labels, centroids, 0.1))) < 1e-5
    assert losses[-1] < 0.7 * losses[0]
    assert classifier.weights.grad is None
    assert not torch.equal(classifier.weights, centroids)


def test_gradients_reach_the_features_too():
    classifier = Classifier(unit(torch.randn(3, 4)), 0.1)
    features = unit(torch.randn(2, 4)).requires_grad_()
    weighted_cross_entropy(classifier.logits(features, 0.1), torch.tensor([0, 2])).backward()
    assert features.grad.any()
