"""Which agent@model takes an attempt: pure functions of arms, trails and a seed."""
