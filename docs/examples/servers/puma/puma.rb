# Each thread reads the request that it answers: what puma has put aside until it comes, it closes at its end.
queue_requests false
threads 4, 4
bind_to_activated_sockets "only"
rackup "#{__dir__}/config.ru"
raise_exception_on_sigterm false
