"""Dashboards and alert rules, made of one list of panels and of the template's alarms."""
