worker_processes 2
# A release that can't be loaded ends the candidate at once; else its main process would start workers for ever.
preload_app true
