-- What wrk sends: a template of one request, in which <text> and <n> differ from request to request.
-- Its arguments: the template's file, the texts' file, where to begin, what a good answer holds.

local template, texts, n, good
wrong, said = 0, ""

function init(args)
   template = io.open(args[1], "rb"):read("*a")
   texts = {}
   for line in io.lines(args[2]) do
      texts[#texts + 1] = line
   end
   n, good = tonumber(args[3]), args[4]
end

function request()
   n = n + 1
   local differs = { text = texts[n % #texts + 1], n = string.format("%010d", n) }
   return (template:gsub("<(%w+)>", differs))
end

function response(status, headers, body)
   if status ~= 200 or not body:find(good, 1, true) then
      wrong, said = wrong + 1, status .. " " .. body
   end
end

local threads = {}

function setup(thread)
   threads[#threads + 1] = thread
end

function done(summary, latency, requests)
   for _, thread in ipairs(threads) do
      local errors = summary.errors
      local unanswered = errors.connect + errors.read + errors.write + errors.timeout
      print(string.format("requests %d in %d us, unanswered %d, wrong %d, p50 %d, p99 %d", summary.requests,
         summary.duration, unanswered, thread:get("wrong"), latency:percentile(50), latency:percentile(99)))
      print("said " .. thread:get("said"))
   end
end
