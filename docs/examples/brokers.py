#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The README's question from another language: which brokers does the cluster have?

Nothing of kwire's is in this file but its C ABI: structs that say their size,
plain functions, and errors without pointers.
    brokers.py SERVERS [LIBRARY]
"""
import ctypes
import sys


class Error(ctypes.Structure):  # struct kwire_error
    _fields_ = [
        ("result", ctypes.c_int),
        ("phase", ctypes.c_int),
        ("outcome", ctypes.c_int),
        ("retriable", ctypes.c_bool),
        ("kafka_code", ctypes.c_int16),
        ("api_key", ctypes.c_int16),
        ("node_id", ctypes.c_int32),
        ("os_errno", ctypes.c_int),
        ("tls_code", ctypes.c_int),
        ("port", ctypes.c_int32),
        ("elapsed_ms", ctypes.c_int64),
        ("host", ctypes.c_char * 256),
        ("address", ctypes.c_char * 56),
        ("message", ctypes.c_char * 512),
    ]


class BrokerInfo(ctypes.Structure):  # struct kwire_broker_info
    _fields_ = [
        ("node_id", ctypes.c_int32),
        ("port", ctypes.c_int32),
        ("host", ctypes.c_char * 256),
        ("rack", ctypes.c_char * 128),
    ]


def load(path):
    kwire = ctypes.CDLL(path)
    kwire.kwire_config_new.restype = ctypes.c_void_p
    kwire.kwire_config_set.argtypes = [
        ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.POINTER(Error)]
    kwire.kwire_config_free.argtypes = [ctypes.c_void_p]
    kwire.kwire_client_open.argtypes = [
        ctypes.c_void_p, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(Error)]
    kwire.kwire_client_brokers.argtypes = [
        ctypes.c_void_p, ctypes.POINTER(BrokerInfo), ctypes.c_int,
        ctypes.POINTER(ctypes.c_int), ctypes.POINTER(Error)]
    kwire.kwire_client_close.argtypes = [ctypes.c_void_p]
    return kwire


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    kwire = load(sys.argv[2] if len(sys.argv) > 2 else "libkwire.so")
    error = Error()
    client = ctypes.c_void_p()
    brokers = (BrokerInfo * 100)()
    count = ctypes.c_int()
    config = kwire.kwire_config_new()
    try:
        if (kwire.kwire_config_set(config, b"bootstrap.servers", sys.argv[1].encode(), error)
                or kwire.kwire_client_open(config, ctypes.byref(client), error)
                or kwire.kwire_client_brokers(client, brokers, len(brokers), count, error)):
            sys.exit(error.message.decode())
        for broker in brokers[:count.value]:
            print(broker.node_id, f"{broker.host.decode()}:{broker.port}")
    finally:
        kwire.kwire_client_close(client)
        kwire.kwire_config_free(config)


if __name__ == "__main__":
    main()
