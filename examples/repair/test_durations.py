import unittest

from durations import seconds


class Durations(unittest.TestCase):
    def test_seconds_alone(self) -> None:
        self.assertEqual(seconds("90"), 90)

    def test_minutes_and_seconds(self) -> None:
        self.assertEqual(seconds("1m30"), 90)

    def test_minutes_alone(self) -> None:
        self.assertEqual(seconds("2m"), 120)


if __name__ == "__main__":
    unittest.main()
