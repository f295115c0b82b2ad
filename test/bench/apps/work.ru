# The app in Ruby, for puma: see work.mjs. Ruby's own threads take turns, so processes burn what the boot takes.
require "openssl"

burn = ->(iterations) { OpenSSL::KDF.pbkdf2_hmac("work", salt: "salt", iterations: iterations, length: 32, hash: "sha256") }
if (iterations = ENV["BOOT_WORK"])
  ENV["BOOT_THREADS"].to_i.times.map { fork { burn.(iterations.to_i); exit! } }.each { |pid| Process.wait(pid) }
else
  sleep 0.3
end
work = ENV["WORK"].to_i

run lambda { |_|
  burn.(work)
  [200, {}, ["Hello from pid #{Process.pid}\n"]]
}
