"""The local API as data: requests, replies, notices, and their line codec."""

from . import limits, notices, replies, requests
from .codec import decode_from_engine, decode_request, encode, request_id
from .failure import code_of, failure_of
from .place import control_socket, run_folder

__all__ = [
    "code_of",
    "control_socket",
    "decode_from_engine",
    "decode_request",
    "encode",
    "failure_of",
    "limits",
    "notices",
    "replies",
    "request_id",
    "requests",
    "run_folder",
]
