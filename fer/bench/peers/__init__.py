"""One file a peer, run in the peer's own interpreter by `driver.py`; none of them imports anything of the others."""
