"""boilerplate inside pipelines that people already run.

- `boilerplate.integrations.pandas`: frames of labelled lines (also as `boilerplate.label_frame`, `clean_series`)
- `boilerplate.integrations.scrapy`: an item pipeline for spiders
- `boilerplate.integrations.datatrove`: a step for web-corpus pipelines
- `boilerplate.integrations.cleaner`: what they share, for batches of texts; also for Hugging Face's ``datasets.map``
"""
