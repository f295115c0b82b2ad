# A Rack app that says who answers: for puma, which knows nothing of Zerodown's workers.
run lambda { |_|
  body = "generation #{ENV["ZERODOWN_GENERATION"]}, worker #{ENV["ZERODOWN_WORKER"]} of #{ENV["ZERODOWN_WORKERS"]}\n"
  [200, { "Content-Type" => "text/plain", "Content-Length" => body.bytesize.to_s }, [body]]
}
