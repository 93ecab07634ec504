"""Runs over inputs of any size: in shards, on all cores or a cluster, and safe against being killed.

`shards` cuts the inputs, `work` scores one shard, `execute` does so for all of them, `manifest` says what a run is made
of, so that it can be told whether it may go on, `folder` is where all of that is kept.
"""
