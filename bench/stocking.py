"""Fills a registry with what the measurements pull, and checks that it gives it back unaltered."""

import os
import shutil
from collections.abc import Iterator
from typing import Final

from bench.contents import digest_of
from bench.load import Script, load, play
from bench.peers import Peer
from bench.scripts import push_image, put_manifest, upload_by_patch
from bench.wire import WrongAnswer
from bench.works import ACCEPT, PULLED, SCOPES, TAG, TAGGED, TAGS, Stock

_TAGGERS: Final = 16


def fill(peer: Peer, stock: Stock) -> None:
    """Push the stock and the tags, then pull it all once. Raises WrongAnswer."""
    peer.login(SCOPES)
    play(peer.address, push_image(peer, PULLED, stock.image, TAG))
    for blob in stock.blobs:
        play(peer.address, upload_by_patch(peer, PULLED, blob))
    _check(peer, stock)
    _push_tags(peer, stock)


def _check(peer: Peer, stock: Stock) -> None:
    paths = {f"blobs/{digest}": digest for digest in stock.digests}
    paths |= dict.fromkeys((f"manifests/{TAG}", f"manifests/{stock.image.digest}"), stock.image.digest)
    for path, digest in paths.items():
        request = peer.request("GET", f"/v2/{PULLED}/{path}", 200, headers=ACCEPT, keeps_body=True)
        if digest_of([peer.call(request).body]) != digest:
            raise WrongAnswer(f"{peer.name} altered {path}")


def _push_tags(peer: Peer, stock: Stock) -> None:
    first, *others = TAGS
    play(peer.address, push_image(peer, TAGGED, stock.image, first))
    folder = peer.tag_folder(TAGGED)
    if folder is None:
        left = iter(others)
        load(peer.address, lambda: _tag_all(peer, stock, left), _TAGGERS, seconds=0)
        return
    for tag in others:
        shutil.copytree(folder / first, folder / tag, copy_function=os.link)


def _tag_all(peer: Peer, stock: Stock, left: Iterator[str]) -> Script:
    """Push tags until none is left; several scripts share the iterator."""
    for tag in left:
        yield put_manifest(peer, TAGGED, stock.image, tag)
