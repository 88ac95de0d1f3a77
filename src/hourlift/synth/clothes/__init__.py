"""Clothes, hair and skin, painted or from MakeHuman."""
