"""Participation: what tables say of participants' attention."""
