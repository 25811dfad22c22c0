// What the page says, in English and in Chinese.

const WORDS = {
  events: ['Events', '事件'], refusals: ['Refusals', '拒收'], overview: ['Overview', '概览'], sendSample: ['Send a sample', '发送样例'],
  live: ['live', '实时'], lost: ['reconnecting', '重连中'], idle: ['connecting', '连接中'],
  language: ['中文', 'English'], switchLanguage: ['切换到中文', 'Switch to English'], signOut: ['Sign out', '退出'],
  degraded: ['The journal is in trouble: events go to the spill file. See the log.', '日志存储出现故障：事件正写入溢出文件，请查看日志。'],
  // the list
  time: ['Time', '时间'], verdict: ['Verdict', '裁决'], kind: ['Kind', '类型'], actor: ['Actor', '发起者'], app: ['App', '应用'], by: ['Decided by', '裁决者'], used: ['Time used', '用时'],
  any: ['any', '不限'], allow: ['allow', '放行'], reject: ['reject', '拒绝'], account: ['Account', '账号'], since: ['Since', '起始'], until: ['Until', '截止'], id: ['Event id', '事件 ID'],
  last15m: ['15 minutes', '15 分钟'], last1h: ['1 hour', '1 小时'], last24h: ['24 hours', '24 小时'], last7d: ['7 days', '7 天'], before: ['before', '早于'],
  kindHint: ['call.* or call.start', 'call.* 或 call.start'], byHint: ['verdict or rule:name', '裁决或 rule:名称'], ago: ['or 15m, 2h', '或 15m、2h'],
  clear: ['Clear', '清除'], pause: ['Pause', '暂停'], resume: ['Resume', '继续'], filters: ['Filters', '筛选'],
  listOfEvents: ['Events, the newest first. Arrow keys choose, Enter opens.', '事件列表，最新在前。方向键选择，回车打开。'],
  newOnes: ['%s new', '%s 条新事件'], missed: ['Too many came at once: %s were left out of the live view; they are in the journal.', '短时间内事件过多：实时视图略过了 %s 条，它们都在日志存储中。'],
  waitingFor: ['No callback yet', '还没有收到回调'], waitingHint: ['Paste this into a terminal, or make a call. It shows up here by itself.', '在终端粘贴以下命令，或发起一次呼叫，结果会自动出现在这里。'],
  butRefused: ['Something came, and was refused: %s so far.', '有请求到达但被拒收，目前共 %s 次。'], seeWhy: ['See why, and what to do', '查看原因与处理办法'],
  nothingFits: ['Nothing fits these filters', '没有符合条件的事件'], nothingFitsHint: ['Events that fit will show up here as they come.', '符合条件的事件到来时会显示在这里。'],
  lookFurther: ['Look further back', '继续向前查找'],
  loading: ['Loading…', '加载中…'], unknownTime: ['not recorded', '未记录'], ofBudget: ['%s of %s', '%s / %s'],
  // one event
  close: ['Close', '关闭'], received: ['Received', '收到时间'], sentAt: ['Sent', '发送时间'], family: ['From', '来源'], peer: ['Address', '地址'], bytes: ['Size', '大小'], position: ['Position', '位置'],
  noSuchEvent: ['No such event', '没有这个事件'],
  copyLink: ['Copy link', '复制链接'], copyCurl: ['Copy as cURL', '复制为 cURL'], copySend: ['Copy as offhook send', '复制为 offhook send'], copyId: ['Copy id', '复制 ID'], copy: ['Copy', '复制'], copied: ['Copied', '已复制'],
  unmask: ['Show personal data', '显示个人数据'], unmaskHint: ['Phone numbers, addresses and messages are masked. Showing them is logged.', '手机号、地址和消息内容已脱敏。显示它们会被记录。'], unmasked: ['Personal data is shown; that was logged.', '正在显示个人数据，此操作已记录。'],
  copiesMasked: ['Copied with masked values; show personal data first for the exact body.', '复制的内容已脱敏；如需原文请先显示个人数据。'],
  road: ['The road it took', '处理过程'], step0: ['Body read', '读取正文'], step1: ['Verified, understood, rules', '校验、解析、规则'], step2: ['Asked deciders, or waited', '询问决策者或等待'], step3: ['Written to disk', '写入磁盘'],
  roadTotal: ['Answered after %s of %s', '%s 后应答（时限 %s）'], roadLate: ['The answer left before the event was on disk.', '应答先于落盘发出。'],
  roadUnknown: ['How long each step took is not recorded for this event: that is only remembered for recent events, while an inspector is open.', '该事件没有各步骤用时记录：只有在检查器打开期间的近期事件才会保留用时。'],
  verdictTitle: ['Verdict', '裁决'], code: ['Code', '代码'], ext: ['callbackExt', 'callbackExt'], modify: ['Changes', '修改'],
  byDefault: ['No decider had an opinion, so the configured default holds.', '没有决策者给出意见，采用配置的默认裁决。'], byRule: ['The rule “%s” fitted.', '命中规则“%s”。'],
  byFallback: ['The fallback was used: %s.', '采用了兜底裁决：%s。'], byDecider: ['The decider “%s” said so.', '由决策者“%s”给出。'],
  whyTimeout: ['deciding did not finish in time', '决策未在时限内完成'], whyOverload: ['there was too much to do', '负载过高'], whyError: ['a decider failed', '决策者出错'], whyPanic: ['a decider fell over', '决策者崩溃'],
  noVerdict: ['This event only tells; nobody waits for a verdict.', '该事件仅作通知，无需裁决。'], shadow: ['Shadow', '影子'], shadowsTitle: ['What shadows would have said', '影子决策者的意见'], noOpinion: ['no opinion', '无意见'],
  deliveries: ['Deliveries', '投递'], handler: ['Handler', '处理器'], state: ['State', '状态'], attempts: ['Attempts', '尝试次数'], answer: ['What came of them', '各次结果'],
  taken: ['taken', '已收'],
  delivered: ['delivered', '已送达'], end_done: ['arrived', '送达'], end_retry: ['failed', '失败'], end_pause: ['target in trouble', '目标故障'], end_gave_up: ['gave up', '放弃'], askedFor: ['asked for', '人工触发'],
  passed: ['passed', '已通过'], waiting: ['waiting', '等待中'], failing: ['failing', '失败重试'], parked: ['parked', '已搁置'], not_wanted: ['not wanted', '不接收'],
  passedNote: ['“passed”: it arrived, or the handler was not there yet. Each handler’s last 2048 attempts are remembered, until the next start.', '“已通过”：已送达，或当时还没有该处理器。每个处理器只记住最近 2048 次尝试，重启后清空。'],
  noHandlers: ['No handler is configured.', '没有配置处理器。'], nextTry: ['next try %s', '下次尝试 %s'], beingRetried: ['being tried again', '正在重试'],
  replay: ['Replay', '重放'], replayTo: ['Deliver again to', '重新投递给'], retry: ['Retry', '重试'], drop: ['Drop', '放弃'], dropSure: ['Give this delivery up for good? The event itself stays.', '确定放弃这次投递？事件本身会保留。'],
  readOnly: ['This inspector only reads. Set write = true in [admin].', '检查器为只读。在 [admin] 中设置 write = true 即可操作。'],
  replayAsked: ['Replay %s was taken', '已受理重放 %s'], replayDone: ['Delivered again to %s', '已重新投递给 %s'], replayParked: ['It gave up again and is parked', '再次失败并已搁置'], retryAsked: ['It is tried again now', '正在重试'], dropDone: ['Given up', '已放弃'],
  checks: ['Why it was believed', '为何可信'], checksNote: ['Checked again just now, with the secrets of today and the time of its arrival.', '刚刚用当前密钥和收到时刻重新校验。'],
  check_headers: ['Headers', '请求头'], check_app: ['App', '应用'], check_signature: ['Signature', '签名'], check_clock: ['Clock', '时钟'], check_body: ['Body', '正文'],
  checksOther: ['It was verified when it came: nothing unverified is kept. What is shown here cannot be checked again without its path or key.', '到达时已校验：未通过校验的请求不会保留。'],
  checksOurs: ['Nobody sent this: a decider’s late verdict overruled the answer that was given.', '这不是外部请求：决策者迟到的裁决推翻了已给出的应答。'],
  age: ['Sent %s before it arrived, by the sender’s clock', '按发送方时钟，在到达前 %s 发出'], ageAhead: ['Sent %s after it arrived, by the sender’s clock', '按发送方时钟，在到达后 %s 发出'],
  body: ['Body', '正文'], pretty: ['Pretty', '格式化'], raw: ['Raw', '原文'], rawMasked: ['The exact bytes are shown together with personal data.', '显示个人数据后才能查看原始字节。'],
  headers: ['Signed headers', '签名请求头'], headersNote: ['Of digests only the beginning is shown.', '摘要只显示开头。'],
  platform: ['What the platform says', '平台反馈'], notTaken: ['The platform could not use this answer: %s.', '平台未能使用该应答：%s。'], tellsOf: ['This copy says that our answer to an event was not used: %s.', '该抄送说明某次应答未被使用：%s。'], openIt: ['open it', '打开'],
  late: ['it came too late', '应答太迟'], malformed: ['it could not be read', '无法解析'], breaker_open: ['its circuit breaker is open', '平台已熔断'], other: ['for a reason nobody documented', '原因未见文档'],
  // refusals
  refusalsIntro: ['Requests that were turned away, the newest first, since the start. A refusal holds no body and no digest.', '自启动以来被拒收的请求，最新在前。记录中不含正文与摘要。'],
  noRefusals: ['Nothing was refused', '没有被拒收的请求'], noRefusalsHint: ['If your callback does not show up under Events either, it never reached this server: check the URL in the console, the proxy, the firewall.', '如果事件列表里也没有你的回调，说明它没有到达本机：请检查控制台中的 URL、代理与防火墙。'],
  times: ['%s times', '%s 次'], claims: ['says it is app', '自称应用'], fromAddress: ['from', '来自'], onPath: ['on the path of', '路径属于'], proven: ['headers proven', '请求头已验证'], stranger: ['stranger', '未验证'], cure: ['What to do: ', '处理办法：'],
  cure404: ['404 is answered where the path is none of the configured ones. They are listed below; set one of them in the console.', '路径不在配置之内时应答 404。已配置的路径见下，请在控制台填写其中之一。'], cure405: ['Only POST is answered on this path. A browser or a health check asks with GET; the platform never does.', '该路径只接受 POST。浏览器或健康检查使用 GET，平台不会这样做。'],
  paths: ['Configured paths', '已配置的路径'], apps: ['Configured apps (AppKey)', '已配置的应用（AppKey）'], showAddresses: ['Show whole addresses', '显示完整地址'],
  // overview
  rate: ['Requests a second', '每秒请求数'], latency: ['Time to answer', '应答用时'], latencyNote: ['against the deadline of %s', '时限 %s'], byKind: ['Verdicts by kind', '各类型裁决'], byReason: ['Refusals by reason', '各原因拒收'], lanes: ['Handlers', '处理器'], parkedTitle: ['Parked deliveries', '搁置的投递'],
  refused: ['refused', '拒收'], fallback: ['fallback', '兜底'], perSecond: ['a second', '每秒'], inFlight: ['in flight', '处理中'], unkept: ['answered before kept', '先应答后落盘'], journalSize: ['journal', '日志存储'], freeSpace: ['free disk', '剩余磁盘'], notUsed: ['answers not used by the platform', '平台未采用的应答'],
  behind: ['Behind', '落后'], lag: ['Lag', '延迟'], upToDate: ['up to date', '无积压'], nothingParked: ['Nothing is parked.', '没有搁置的投递。'], nothingYet: ['Nothing to draw yet.', '暂无数据。'], since_start: ['since the start', '自启动'], last30m: ['last 30 minutes', '最近 30 分钟'], deadline: ['deadline', '时限'], why: ['Why', '原因'], allKinds: ['all kinds', '全部类型'], takes: ['Takes', '接收类型'],
  // samples
  sampleIntro: ['Signed with this receiver’s own secret and sent to itself, down the whole road. Change the body as you like.', '用本接收端自己的密钥签名，发给自己并走完整流程。正文可以随意修改。'], sample: ['Sample', '样例'], tamper: ['Break on purpose', '故意破坏'], nothing: ['nothing', '不破坏'], tamper_checksum: ['CheckSum of another secret', '用其他密钥计算 CheckSum'], tamper_stale: ['sent an hour ago', '一小时前发出'], tamper_appkey: ['unknown AppKey', '未知 AppKey'], tamper_body: ['body changed after signing', '签名后改动正文'], send: ['Send', '发送'], answered: ['%s on %s, answered %s after %s', '%s → %s，%s，用时 %s'], seeEvents: ['See it among the events', '在事件列表中查看'], seeRefusals: ['See why it was refused', '查看拒收原因'],
  // signing in
  signIn: ['Sign in', '登录'], token: ['Token', '令牌'], tokenHint: ['The token of [admin] in the configuration.', '配置中 [admin] 的 token。'], wrongToken: ['This is not the token.', '令牌不正确。'],
  secondsAgo: ['%s s ago', '%s 秒前'], minutesAgo: ['%s min ago', '%s 分钟前'], hoursAgo: ['%s h ago', '%s 小时前'], daysAgo: ['%s d ago', '%s 天前'],
  failed: ['It failed: %s', '失败：%s'], unreachable: ['The server does not answer.', '服务器无应答。'],
};

let present = localStorage.getItem('language') ?? (navigator.languages?.[0] ?? navigator.language ?? 'en').toLowerCase().slice(0, 2);

/** `zh` or `en`. */
export function language() {
  return present === 'zh' ? 'zh' : 'en';
}

export function setLanguage(to) {
  present = to;
  localStorage.setItem('language', to);
  document.documentElement.lang = to === 'zh' ? 'zh-CN' : 'en';
}

/** A text, with `%s` filled in one after the other; an unknown key is its own text. */
export function t(key, ...values) {
  const pair = WORDS[key];
  const text = pair ? pair[language() === 'zh' ? 1 : 0] : key;
  return values.reduce((text, value) => text.replace('%s', () => value), text);
}

/** Whether there is such a text. */
export function has(key) {
  return key in WORDS;
}
