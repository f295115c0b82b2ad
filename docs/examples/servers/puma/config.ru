body = "Hello\n"
run lambda { |_| [200, { "content-type" => "text/plain", "content-length" => body.bytesize.to_s }, [body]] }
