"""Limit order books and sealed-bid clearing; pure rules without a session or a clock."""
