"""The speaker subtracted and nothing suppressed: Debian's libspeexdsp (MDF echo canceller).

Its filter knows echoes of an eighth of a second, so the delay of the devices, which may be longer,
is found first (:mod:`~agent.ears.delay`) and the far end held back by most of it.
"""

from __future__ import annotations

import ctypes

import numpy

from agent.ears.delay import delay
from agent.ears.reference import Samples

LIBRARY = "libspeexdsp.so.1"
FRAME_S = 0.008  # 128 or 64 samples, five to a packet
TAIL_S = 0.128
LEAD_S = 0.008  # of the tail kept free before the echo, should it come earlier
MOVED_S = 0.03  # a delay that is off by so much is taken over
LOOK_S = 2.0  # of sound to find the delay in, as often
LOUD = 100.0  # an RMS of the far end worth looking at, in steps of a sample
SET_SAMPLING_RATE = 24  # SPEEX_ECHO_SET_SAMPLING_RATE of speex_echo.h


class LinearCanceller:
    """Subtracts ``far``'s echoes from ``near``; ``rate`` is 8000 or 16000 Hz.

    Each call takes whole packets of 40 ms.  Raises OSError where the library is missing.
    """

    def __init__(self, rate: int) -> None:
        self._speex = ctypes.CDLL(LIBRARY)
        self._rate, self._frame = rate, round(rate * FRAME_S)
        self._speex.speex_echo_state_init.restype = ctypes.c_void_p
        state = self._speex.speex_echo_state_init(self._frame, round(rate * TAIL_S))
        self._state = ctypes.c_void_p(state)
        hertz = ctypes.c_int(rate)
        self._speex.speex_echo_ctl(self._state, SET_SAMPLING_RATE, ctypes.byref(hertz))
        size = round(LOOK_S * rate)
        self._near: Samples = numpy.zeros(size, numpy.int16)
        self._far: Samples = numpy.zeros(size, numpy.int16)
        self._heard = 0  # samples since the last look
        self._held = 0  # samples the far end is held back by

    def __del__(self) -> None:
        if getattr(self, "_state", None):
            self._speex.speex_echo_state_destroy(self._state)

    def process(self, near: Samples, far: Samples) -> Samples:
        """``near`` without the linear part of ``far``'s echo."""
        self._remember(near, far)
        begin = len(self._far) - len(far) - self._held
        held = numpy.ascontiguousarray(self._far[begin : begin + len(far)])
        near, clean = numpy.ascontiguousarray(near), numpy.empty_like(near)
        for at in range(0, len(near), self._frame):
            part = slice(at, at + self._frame)
            arrays = (near[part], held[part], clean[part])
            self._speex.speex_echo_cancellation(
                self._state, *(ctypes.c_void_p(array.ctypes.data) for array in arrays)
            )
        return clean

    def _remember(self, near: Samples, far: Samples) -> None:
        count = len(near)
        for memory, new in ((self._near, near), (self._far, far)):
            memory[:-count] = memory[count:]
            memory[-count:] = new
        self._heard += count
        if self._heard >= len(self._far):
            self._heard = 0
            self._look()

    def _look(self) -> None:
        loud = numpy.abs(self._far).mean() > LOUD
        found = delay(self._near, self._far, self._rate) if loud else None
        if found is None:
            return
        wanted = max(0, round((found - LEAD_S) * self._rate))
        if abs(wanted - self._held) > MOVED_S * self._rate:
            self._held = wanted
