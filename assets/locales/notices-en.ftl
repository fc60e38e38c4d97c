# English texts of a gateway's notices. notices-zh.ftl has the same keys; keys are `notice-` and the notice's code.
# `…-public` is what a wall says: it has no argument, so that it says nothing of counts, sums, names, countries and files.
# An argument `reason` or `reasons` is in English whatever the language is: Chinese does without it.

notice-public = The gateway has a notice for its operators.

notice-source-failed = The source can't be read on; the last good figures are held. { $problem }
notice-source-failed-public = The source can't be read on; the last good figures are held.

notice-source-silent = No order or payment has come for { $seconds } s: the figures stand where they were.
notice-source-silent-public = No orders come at the moment: the figures stand where they were.

notice-source-back = Orders and payments come again.
notice-source-back-public = Orders come again.

notice-source-over-budget = { $reason }

notice-busiest-source = { $percent } % of what came last is from source { $source }

notice-synthetic-places = The order file names countries, not cities: lights stand at cities of the country drawn by population. City positions are synthetic; everything else is the shop's own.
notice-synthetic-places-public = Orders name countries, not cities: lights stand at cities of the country drawn by population.

notice-corrections = Cancelled orders in the file: { $count }, { $sum }, taken off the value as marked corrections
notice-corrections-public = Cancelled orders are taken off the value as corrections.

notice-without-value = Entries without any value in the file: { $count }, not counted as orders
notice-without-value-public = Entries without any value aren't counted as orders.

notice-unknown-country = Orders from countries that no region matches: { $count }, counted in the totals, without a place: { $countries }
notice-unknown-country-public = Orders from countries that no region matches count in the totals, without a place.

notice-unknown-channel = Rows whose channel the mapping doesn't name: { $count }, counted under the default one
notice-unknown-channel-public = Orders whose channel isn't known are counted under the default one.

notice-unreadable-row = Rows that can't be read, skipped: { $count } ({ $reasons }{ $more ->
    [none] {""}
   *[other] ; and { $more } more
})
notice-unreadable-row-public = Rows that can't be read are skipped.

store = { $store ->
    [orders] order log
    [state] state
    [audit] audit log
   *[other] { $store }
}
notice-storage-failing = The { store } can't be written: { $problem }
notice-storage-failing-public = Orders can't be kept at the moment: the figures stay where they are until they can.
notice-storage-back = The { store } is written again.
notice-storage-back-public = Orders can be kept again: the figures go on.
notice-storage-displaced = Somebody changed the { store }'s file ({ $reason }); { $then ->
    [waits] it can't be put back yet: make room for it, and don't stop the gateway before
    [lost] a restart can't count again what was in it: stop it as late as you can
   *[restored] it was made good
}.

notice-log-damaged = A part of the order log can't be read: the figures lack the orders that stood there until they are sent again.
notice-state-damaged = A part of the state couldn't be read: the newest whole record counts. Is the hold as it was?

implausible-back-in-time = event time ran back
implausible-fell = a total fell and no correction says why
implausible-too-fast = more came in a second than can be
implausible-sum = the regions don't add up to the total
implausible-clock = event time is too far from the clock
notice-implausible = The figures can't be right, the last good ones stay: { $what ->
    [back_in_time] { implausible-back-in-time }
    [fell] { implausible-fell }
    [too_fast] { implausible-too-fast }
    [sum] { implausible-sum }
    [clock] { implausible-clock }
   *[other] { $what }
}
notice-implausible-public-back-in-time = The figures can't be right, the last good ones stay: { implausible-back-in-time }
notice-implausible-public-fell = The figures can't be right, the last good ones stay: { implausible-fell }
notice-implausible-public-too-fast = The figures can't be right, the last good ones stay: { implausible-too-fast }
notice-implausible-public-sum = The figures can't be right, the last good ones stay: { implausible-sum }
notice-implausible-public-clock = The figures can't be right, the last good ones stay: { implausible-clock }

notice-held = Figures held by { $by }
notice-held-public = The figures are held for now
notice-released = Figures { $reason }
notice-release-asked = { $by } asks for the release: a second director has to agree
notice-directed = { $reason }

notice-intrusion = { $what ->
    [token] A token that holds no longer ({ $token }) was shown { $count } times within a minute, last from { $address }
    [locked] { $count } failures within a minute from { $address } ({ $failure }): it is locked out for now, but for those who have a token
   *[slowed] { $count } failures within a minute from { $address } ({ $failure }): it is answered late, and not locked out, since a web page can do this to an office
}

notice-clock-jumped = The gateway's clock leapt by { $seconds } s: the day goes on without it until it is right, or has stayed there for a minute
notice-clock-jumped-public = The gateway's clock leapt: the day goes on without it until it is right, or has stayed there for a minute
notice-clock-right = The gateway's clock is right again
notice-clock-right-public = The gateway's clock is right again
notice-clock-set = The gateway's clock has stayed where it leapt to, by { $seconds } s: that is the time now
notice-clock-set-public = The gateway's clock has stayed where it leapt to: that is the time now
notice-clock-behind = What was counted before is { $seconds } s ahead of the gateway's clock: event time waits, orders are counted
notice-clock-behind-public = What was counted before is ahead of the gateway's clock: event time waits, orders are counted
notice-closed-early = The day is closed in its log, and by the clock it isn't over: no more orders can be counted in it
notice-closed-early-public = The day is closed in its log, and by the clock it isn't over: no more orders can be counted in it

title-synthetic-places = { $title } (city positions synthetic)
