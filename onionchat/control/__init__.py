"""The local API as data: requests, replies, notices, and their line codec."""

from . import limits, notices, replies, requests
from .codec import decode_from_engine, decode_request, encode, request_id

__all__ = [
    "decode_from_engine",
    "decode_request",
    "encode",
    "limits",
    "notices",
    "replies",
    "request_id",
    "requests",
]
