"""Boxes of any people on any pictures, for hypothesis."""

from hypothesis import strategies as st

from reseen.annotations.annotation import AnnotatedImage, Annotation, frame_name

texts = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"), min_size=1, max_size=12
)
"""Names that XML can hold: it has no control characters."""
numbers = st.integers(0, 4000).map(lambda eighths: eighths / 8)
"""Pixels that floats hold exactly, so that a width added to an edge gives the other edge again."""


@st.composite
def corners(draw):
    left, top = draw(numbers), draw(numbers)
    return left, top, left + 1 + draw(numbers), top + 1 + draw(numbers)


@st.composite
def frame_boxes(draw, recordings=("hall", "door & gate")):
    recording, frame = draw(st.sampled_from(recordings)), draw(st.integers(0, 50))
    size = {"hall": (640, 480)}.get(recording, (0, 0))
    picture = AnnotatedImage(frame_name(recording, frame), *size, recording, frame)
    return Annotation(
        picture, draw(corners()), draw(st.integers(1, 5)), draw(st.just("") | texts), draw(texts)
    )


@st.composite
def crop_boxes(draw):
    name = draw(texts)
    picture = AnnotatedImage(f"{name}.jpg", 64 + len(name), 128)
    return Annotation(
        picture, draw(corners()), draw(st.integers(1, 5)), draw(st.just("") | texts), draw(texts)
    )
