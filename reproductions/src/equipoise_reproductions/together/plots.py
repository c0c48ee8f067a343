"""Chart."""


def effect_bars(found):
    return None
