# English texts of the display. zh.ftl has the same keys.

countdown = to midnight
synthetic = simulated data

mode-live = LIVE
mode-delayed = DELAYED
mode-held = HELD
mode-replay = REPLAY
mode-demo = DEMO

orders-per-s = Orders per second
payments-per-s = Payments per second
peak-at = peak at { $time }
span-seconds = last { $amount } s
span-minutes = last { $amount } min
span-hours = last { $amount } h
mobile-share = Mobile, share of value
regions-reached = Regions reached
leaderboard = Regions by value
categories = Categories by value
the-day = The day so far
now = now
orders-unit = orders

region-orders = Orders
region-payments = Payments
region-share = Share of the day
region-rank = Rank

secs = { $n } s
mins = { $n } min
hours = { $n } h

feed-connecting = connecting
feed-up = connected
feed-stalled = no data
feed-lost = connection lost
feed-refused = refused
feed-paused = paused
feed-age = data { $age } old
feed-latency = latency { $ms } ms
feed-lights = { $drawn } lights drawn of { $received } received
feed-per-light = 1 light = { $n } orders
feed-reconnects = reconnected { $n }×
feed-corrections = { $n } corrections, { $money }

trouble-connecting = Connecting
trouble-stalled = Data is { $age } old · waiting for the feed
trouble-lost = Data is { $age } old · reconnecting
trouble-unreachable = The feed can’t be reached · trying again
trouble-refused = The feed was refused

hint = Drag to turn  ·  scroll to zoom  ·  click a region  ·  ? for keys

search-hint = Country, region or city
search-nothing = Nothing by that name

stats = { $fps } frames/s   { $ms } ms   { $quality }   { $lights } lights drawn
quality-software = software
quality-low = low
quality-high = high
quality-ultra = ultra

help-title = Keys
help-close = Esc or ? closes
key-drag = Drag
key-wheel = Wheel, pinch
key-arrows = Arrows
key-plus = + and –
key-click = Click
key-double-click = Double-click
key-search = / or Ctrl F
key-escape = Esc
key-space = Space
key-lang = L
key-arcs = 1
key-columns = 2
key-choropleth = 3
key-names = 4
key-warmth = 5
key-quality = Q
key-stats = F3
key-fullscreen = F11
key-screenshot = F12
key-quit = Ctrl Q
help-drag = Turn the planet
help-wheel = Nearer and farther
help-arrows = Turn the planet
help-plus = Nearer and farther
help-click = Pin a region
help-double-click = Fly to a region
help-search = Search
help-escape = Close, then back to the tour
help-space = Pause and go on
help-lang = 中文
help-arcs = Parcels across borders
help-columns = Value as columns
help-choropleth = Land tinted by value
help-names = Region names
help-warmth = Warmth left by orders
help-quality = Next quality preset
help-stats = Frame statistics
help-fullscreen = Full screen
help-screenshot = Save a picture
help-quit = Leave
governor-less = Frames were slow: { $spent }. Every light stays.
governor-more = Frames are steady: { $spent }.
governor-full = the globe is drawn in full
governor-no-bloom = bloom off
governor-no-tone = tone curve off
governor-plain-land = plain land
governor-scale = globe drawn at { $percent } % of its size
list-comma = {", "}
ahead-record = The mark to beat
ahead-milestones = Milestones ahead
showroom-back = Back to the planet
showroom-refused = This product can’t be shown
showroom-explode = Take apart
showroom-open = open
showroom-closed = closed
showroom-tour = Tour
showroom-measure = Dimensions
showroom-metric = metric
showroom-imperial = inches
showroom-light = Light
showroom-light-studio = studio
showroom-light-day = daylight
showroom-light-stage = stage
showroom-compare = Compare
help-showroom = Step into the showroom
key-showroom = P
