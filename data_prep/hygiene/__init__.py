"""What a model must not learn to say: rules on assistant turns, one YAML file each in `rules/`.

Adding a rule is adding one file: `rules/human_claim.yaml` shows every key, `rule.py` says what each means.
"""
