"""The local API as data: requests, replies, notices, and their line codec."""

from . import limits, notices, replies, requests
from .codec import decode_from_engine, decode_request, encode, request_id
from .place import control_socket, run_folder

__all__ = [
    "control_socket",
    "decode_from_engine",
    "decode_request",
    "encode",
    "limits",
    "notices",
    "replies",
    "request_id",
    "requests",
    "run_folder",
]
