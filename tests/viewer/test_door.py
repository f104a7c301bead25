"""Coming in."""


def test_the_address_opens_the_gallery_and_leaves_the_address_bar(tab, served):
    assert tab.url == f"{served.address}/clusters"
    assert tab.locator("h1").inner_text() == "Clusters"
