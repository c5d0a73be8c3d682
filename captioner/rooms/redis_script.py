"""What Redis does at once, in Lua: the same changes to a room as `captioner.rooms.room` makes.

Keys of a room:
    meta    hash: epoch, before (the epoch before), since, last (sequence), ended, empty (since
            when nobody is there)
    finals  stream of finals, ids SEQUENCE-0: e epoch, p sequence before, a published at, c caption
    live    short stream of what is not kept: e epoch, k kind, c content. Kinds: begin (of an
            epoch), interim (content: the caption), left (content: the session), ended
    there   hash: session -> who speaks
    leases  sorted set: session -> when it counts as gone
    heard   hash: a:SESSION its attachment, f:SESSION its last final, t:SESSION whether it talks
Keys of all rooms:
    index   sorted set: room -> when time will ask something of it
    ended   sorted set: room -> when it ended

A sequence is the time in milliseconds, or one more than the last: when Redis loses its last writes
in a crash, no later final gets the sequence of one that was lost. Who publishes says which final it
knows to be kept. When Redis does not have it, the answer is "lost", and nothing is done.
"""

ROOM_KEYS = ("meta", "finals", "live", "there", "leases", "heard")
HUB_KEYS = ("index", "ended")

LIVE_SIZE = 256  # entries of the stream of interims: many more than are open at once

SCRIPT = """
local meta, finals, live, there, leases, heard, index, ended = unpack(KEYS)
local op, room, offered, now = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local ttl, size, most = ARGV[5], ARGV[6], tonumber(ARGV[7])
local age, grace, lease = tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])
local live_size, remembered, told_again = ARGV[11], tonumber(ARGV[12]), ARGV[13]
local known_epoch, known_last = ARGV[14], tonumber(ARGV[15])
local session, attachment, speaker, number, content = unpack(ARGV, 16)
local call = redis.call

local function time_ms()
  local time = call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local function whole(value) return string.format('%.0f', value) end

local function signal(epoch, kind, text)
  call('XADD', live, 'MAXLEN', '~', live_size, '*', 'e', epoch, 'k', kind, 'c', text)
end

local function first_lease() return call('ZRANGE', leases, 0, 0, 'WITHSCORES')[2] end

local function forget()
  call('DEL', meta, finals, there, leases)
  call('EXPIRE', heard, told_again) -- what is told again must not come back
  call('XTRIM', live, 'MAXLEN', 0)
  signal('', 'begin', '')
  call('EXPIRE', live, told_again)
  call('ZREM', index, room)
  call('ZREM', ended, room)
end

local function open()
  local before = call('HGET', meta, 'epoch') or ''
  call('DEL', meta, finals)
  call('HSET', meta, 'epoch', offered, 'since', now, 'last', 0, 'before', before)
  call('ZREM', ended, room)
  if call('HLEN', heard) > 2 * remembered then
    for _, field in ipairs(call('HKEYS', heard)) do
      if not call('ZSCORE', leases, string.sub(field, 3)) then call('HDEL', heard, field) end
    end
  end
  signal(offered, 'begin', '')
end

-- Has the session there, in a room that is open; false when there are too many rooms.
local function join()
  local epoch, over = unpack(call('HMGET', meta, 'epoch', 'ended'))
  local here = call('ZSCORE', leases, session)
  if not epoch and call('ZCARD', index) >= most then return false end
  if not epoch or (over and not here) then
    open()
    epoch = offered
  end
  if call('HGET', heard, 'a:' .. session) ~= attachment then
    call('HSET', heard, 'a:' .. session, attachment)
    signal(epoch, 'left', session)
  end
  call('HSETNX', there, session, speaker)
  call('ZADD', leases, tonumber(now) + lease, session)
  for i = 1, 6 do call('EXPIRE', KEYS[i], ttl) end
  call('ZADD', index, first_lease(), room)
  return epoch
end

local function leave(epoch, name)
  signal(epoch, 'left', name)
  call('ZREM', leases, name)
  call('HDEL', there, name)
  call('HDEL', heard, 't:' .. name)
  if call('ZCARD', leases) == 0 then
    call('HSET', meta, 'empty', now)
    call('ZADD', index, tonumber(now) + grace, room)
  end
end

local function finish(epoch)
  call('HSET', meta, 'ended', now)
  call('ZADD', ended, now, room)
  call('ZADD', index, 'LT', tonumber(now) + age, room)
  signal(epoch, 'ended', '')
end

local function keep(epoch)
  local ms = time_ms()
  local last = call('HGET', meta, 'last')
  local sequence = whole(math.max(tonumber(last) + 1, ms))
  call('XADD', finals, 'MAXLEN', '~', size, sequence .. '-0',
    'e', epoch, 'p', last, 'a', now, 'c', content)
  call('XTRIM', finals, 'MINID', '~', whole(math.max(0, ms - age * 1000)))
  call('HSET', meta, 'last', sequence)
  call('HSET', heard, 'f:' .. session, number)
  return 'kept ' .. epoch .. ' ' .. sequence
end

local epoch, over, empty, last, before =
  unpack(call('HMGET', meta, 'epoch', 'ended', 'empty', 'last', 'before'))

if known_epoch ~= '' then
  if epoch == known_epoch then
    if tonumber(last) < known_last then return 'lost' end
  elseif not epoch or before ~= known_epoch then
    return 'lost'
  end
end

if op == 'present' or op == 'interim' or op == 'final' or op == 'left' then
  local known = call('HGET', heard, 'a:' .. session)
  if known and known ~= attachment then return 'superseded' end
end

if op == 'joined' then
  if not join() then return 'full' end
elseif op == 'present' then
  if not join() then return 'full' end
  call('HSET', heard, 't:' .. session, number)
elseif op == 'interim' or op == 'final' then
  if tonumber(number) <= tonumber(call('HGET', heard, 'f:' .. session) or 0) then return 'known' end
  epoch = join()
  if not epoch then return 'full' end
  if op == 'final' then return keep(epoch) end
  signal(epoch, 'interim', content)
elseif op == 'left' then
  if epoch and call('ZSCORE', leases, session) then leave(epoch, session) end
elseif op == 'end' then
  if not epoch or over then return 'no' end
  finish(epoch)
elseif op == 'delete' then
  if not epoch then return 'no' end
  if call('ZCARD', leases) == 0 then
    forget()
  else
    call('DEL', finals)
    call('XTRIM', live, 'MAXLEN', 0)
    call('HSET', meta, 'epoch', offered, 'last', 0, 'before', epoch)
    signal(offered, 'begin', '')
  end
elseif op == 'forget' then
  forget()
elseif op == 'sweep' then
  if not epoch then
    call('ZREM', index, room)
    call('ZREM', ended, room)
    return 'no'
  end
  for _, name in ipairs(call('ZRANGEBYSCORE', leases, '-inf', now)) do leave(epoch, name) end
  local ms = time_ms()
  call('XTRIM', finals, 'MINID', '~', whole(math.max(0, ms - age * 1000)))
  call('XTRIM', live, 'MINID', whole(ms - 60000))
  local first = first_lease()
  over, empty = unpack(call('HMGET', meta, 'ended', 'empty'))
  local due = first
  if not first and over then
    due = tonumber(over) + age
    if tonumber(now) >= due then
      forget()
      return 'yes'
    end
  elseif not first then
    due = tonumber(empty or now) + grace
    if tonumber(now) >= due then
      finish(epoch)
      due = tonumber(now) + age
    end
  end
  call('ZADD', index, due, room)
end
return 'yes'
"""
