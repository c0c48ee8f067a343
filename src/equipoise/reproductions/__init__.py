"""The papers' tables, figures and claims, run again under one protocol."""
