"""Speech models: their manifests, where their bytes come from, and whether they are intact.

``manifest`` says what a model is; ``store`` finds and verifies models in a directory;
``sources``, ``hub`` and ``package_index`` fetch them; ``adopt`` writes the manifest of a model
that has none; ``convert`` makes one from a Transformers checkpoint.
"""
