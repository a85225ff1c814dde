"""Runs named checks against one server and reports each on its own line; any failure makes the exit code 1."""

import argparse
import sys
import traceback

CHECKS = []


def check(function):
    """Registers a check; its name is what the Rust side expects to see."""
    CHECKS.append(function)
    return function


def expect(condition, told):
    """An assertion that `python -O` cannot remove."""
    if not condition:
        raise AssertionError(told)


def expect_equal(found, wanted, told=''):
    expect(found == wanted, '%s: found %r, wanted %r' % (told or 'value', found, wanted))


def expect_raises(kind, function, *args, **kwargs):
    """Calls the function and returns the exception it must raise."""
    try:
        result = function(*args, **kwargs)
    except kind as error:
        return error
    raise AssertionError('%s was not raised; the call returned %r' % (kind.__name__, result))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--host', required=True)
    parser.add_argument('--port', type=int, required=True)
    parser.add_argument('--history', type=int, default=1000, help='events the server keeps')
    options = parser.parse_args()
    failed = 0
    for function in CHECKS:
        try:
            function(options)
        except Exception:
            failed += 1
            print('FAILED %s' % function.__name__, flush=True)
            traceback.print_exc()
        else:
            print('ok %s' % function.__name__, flush=True)
    sys.exit(1 if failed else 0)
