from reseen.viewer import templating
from reseen.viewer.templating import FlashMessage, FlashMessages


def test_a_message_is_found_by_its_id_alone():
    messages = FlashMessages()
    first, second = messages.add(FlashMessage("moved")), messages.add(FlashMessage("failed", is_error=True))
    assert first != second
    assert messages.get(first) == FlashMessage("moved")
    assert messages.get(second).is_error
    assert messages.get("moved") is None
    assert messages.get("") is None


def test_the_oldest_messages_are_dropped(monkeypatch):
    monkeypatch.setattr(templating, "_MAX_MESSAGES", 3)
    messages = FlashMessages()
    ids = [messages.add(FlashMessage(str(number))) for number in range(5)]
    assert [messages.get(name) and messages.get(name).text for name in ids] == [None, None, "2", "3", "4"]
