"""OpenCV's level of logging, which belongs to the whole process."""

from contextlib import ExitStack

import cv2

from fer.common.opencv_log import quiet_opencv


def test_threads_that_overlap_leave_the_level_as_it_was() -> None:
    log = cv2.utils.logging
    before = log.getLogLevel()
    log.setLogLevel(log.LOG_LEVEL_ERROR)
    try:
        first, second = ExitStack(), ExitStack()
        first.enter_context(quiet_opencv())
        second.enter_context(quiet_opencv())
        first.close()
        assert log.getLogLevel() == log.LOG_LEVEL_SILENT
        second.close()
        assert log.getLogLevel() == log.LOG_LEVEL_ERROR
    finally:
        log.setLogLevel(before)
