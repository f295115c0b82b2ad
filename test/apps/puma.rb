# One puma without a cluster. Each thread reads the request that it answers: what puma has put aside until it comes, it closes at its
# end, although the request may be on its way.
queue_requests false
threads 2, 2
bind_to_activated_sockets "only"
rackup "#{__dir__}/config.ru"
raise_exception_on_sigterm false
