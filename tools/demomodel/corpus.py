"""Expand the hand-written templates in corpus/*.txt into distinct sentences.

usage: corpus.py COUNT SEED OUT [EXCLUDE...]      slots: {N} name, {B} bank, {A} amount, {DT} date, ...
"""
import glob
import os
import random
import re
import sys
from vocab import FULL, han_only
import common_chars

HERE = os.path.dirname(os.path.abspath(__file__))
SUR = '王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文'
GIV = '伟芳娜秀英敏静丽强磊军洋勇艳杰娟涛明超兰霞平刚桂玲辉玉华红建国志梅婷雪琳欣怡浩宇轩梓涵子豪思佳俊峰鹏飞博文雨泽晓东海燕春凤莹倩颖慧巧美琪瑶璐莉丹萍月云凯斌彬健亮林森栋梁祥瑞福贵旺财德仁义礼智信忠孝'
BANKS = ['某某银行'] * 3 + ['华远银行'] * 3 + ['江城银行'] * 3 + ['某银行', '我们银行', '贵行', '工商银行', '建设银行', '农业银行', '中国银行', '交通银行', '招商银行', '光大银行',
                        '民生银行', '平安银行', '浦发银行', '中信银行', '兴业银行', '广发银行', '华夏银行', '邮储银行', '上海银行', '北京银行']
CITY = '北京 上海 广州 深圳 成都 重庆 武汉 南京 杭州 天津 西安 长沙 郑州 济南 青岛 大连 沈阳 福州 厦门 昆明 苏州 宁波 合肥 南昌 贵阳 东莞 佛山 外地 老家 农村'.split()
ROAD = '人民路 中山路 解放路 建设路 和平路 新华路 文化路 幸福路 长江路 黄河路 北京路 南京路 东风路 胜利路 学院路 花园路 光明路 青年路'.split()
EST = '幸福小区 阳光花园 和平小区 新城花园 东方家园 金色家园 绿城小区 万达广场 世纪花园 锦绣花园 工业园 光明新村 人民小区 春天花园'.split()
CO = '公司 工厂 商场 超市 饭店 医院 学校 科技公司 物流公司 建筑公司 贸易公司 汽车厂 电子厂 服装厂 装修公司 保险公司'.split()
REASON = '公司倒闭 失业 生病住院 家人生病 做生意亏本 工资没发 孩子上学 母亲做手术 父亲去世 离婚 出了车祸 被朋友骗了钱 疫情影响 投资失败 工地没有结账 老板拖欠工资 店铺关门 房贷压力太大 刚刚换工作 受伤不能上班'.split()
TIT = ['先生', '女士', '先生', '女士', '小姐']
DIG = '零一二三四五六七八九'


def num(n):
    """spoken form of a number below 100 million"""
    if n == 0:
        return '零'
    out = ''
    if n >= 10000:
        return num(n // 10000) + '万' + (('零' if n % 10000 < 1000 else '') + num(n % 10000) if n % 10000 else '')
    zero = False
    for p, u in ((1000, '千'), (100, '百'), (10, '十'), (1, '')):
        d = n // p
        n %= p
        if d:
            if zero and out:
                out += '零'
            zero = False
            out += ('' if (d == 1 and u == '十' and not out) else DIG[d]) + u
        else:
            zero = True
    return out


def amount(r):
    k = r.random()
    if k < 0.3:
        n = r.randint(1, 99) * 100
    elif k < 0.5:
        n = r.randint(1, 30) * 1000
    elif k < 0.7:
        n = r.randint(1, 60) * 10000 if r.random() < 0.3 else r.randint(1, 20) * 10000
    elif k < 0.9:
        n = r.randint(100, 99999)
    else:
        n = r.randint(10000, 500000)
    s = num(n)
    if r.random() < 0.25:
        s = s.replace('二千', '两千').replace('二万', '两万').replace('二百', '两百')
    k = r.random()
    if k < 0.6:
        s += '元'
    elif k < 0.85:
        s += '块' + ('钱' if r.random() < 0.3 else '')
    else:
        s += '元' + (DIG[r.randint(1, 9)] + '角' + (DIG[r.randint(1, 9)] + '分' if r.random() < 0.5 else '') if r.random() < 0.5 else '整')
    return s


def year(r):
    return '二零二' + DIG[r.randint(0, 8)] + '年'


def date(r):
    k = r.random()
    m, d = num(r.randint(1, 12)), num(r.randint(1, 31))
    if k < 0.3:
        return m + '月' + d + r.choice('日日号')
    if k < 0.45:
        return year(r) + m + '月' + d + '日'
    if k < 0.6:
        return r.choice(['本月', '这个月', '下个月', '上个月']) + d + r.choice('日号')
    if k < 0.8:
        return r.choice(['明天', '后天', '今天', '昨天', '月底', '月初', '下周', '这个月底', '下个月初', '年底', '春节'])
    return r.choice(['下周', '这周', '本周', '上周', '星期', '周', '下星期']) + r.choice('一二三四五六日')


def clock(r):
    h, m = r.randint(0, 23), r.choice([0, 0, 10, 15, 20, 30, 40, 45, 5, 25, 50, 55, 35] + [r.randint(1, 59)])
    return num(h) + '点' + ('' if m == 0 else r.choice(['半']) if m == 30 and r.random() < 0.5 else
                           ('零' if m < 10 else '') + num(m) + '分')


def digits(r, n):
    s = ''.join(DIG[r.randint(0, 9)] for _ in range(n))
    return s.replace('一', '幺') if r.random() < 0.15 else s


def name(r):
    return r.choice(SUR) + r.choice(GIV) + (r.choice(GIV) if r.random() < 0.55 else '')


def slot(k, r):
    if k == 'N' or k == 'S1':
        return name(r)
    if k == 'S':
        return r.choice(SUR)
    if k == 'T':
        return r.choice(TIT)
    if k == 'T0':
        return name(r) + r.choice(TIT + ['', ''])
    if k == 'B':
        return r.choice(BANKS)
    if k == 'A':
        return amount(r)
    if k == 'DT':
        return date(r)
    if k == 'DTT':
        return year(r) + num(r.randint(1, 12)) + '月' + num(r.randint(1, 31)) + '日' + clock(r)
    if k == 'TM':
        return r.choice(['明天', '后天', '下周', '晚上', '下午', '明天上午', '明天下午', '晚一点', '过两天', '下周一', '今天晚上', '中午', '早上'])
    if k == 'TM2':
        return r.choice(['上午', '下午', '晚上', '中午', '']) + clock(r)
    if k == 'G':
        return digits(r, r.choice([4, 4, 4, 3, 5, 6]))
    if k == 'D4':
        return digits(r, 4)
    if k == 'D6':
        return digits(r, 6)
    if k == 'TEL':
        return digits(r, r.choice([11, 8, 5])) if r.random() < 0.6 else '四零零' + digits(r, 7)
    if k == 'K':
        return num(r.choice([r.randint(3, 99), r.randint(100, 720)]))
    if k == 'M':
        return r.choice(['两', '三', '四', '五', '六', '七', '八', '九', '十', '十二', '半', '二十四', '三十六', '六十']) .replace('半', '六')
    if k == 'Y':
        return r.choice(['二零一', '二零二']) + DIG[r.randint(0, 9)]
    if k == 'AGE':
        return num(r.randint(20, 80))
    if k == 'C':
        return r.choice(CITY)
    if k == 'CO':
        return r.choice(CO)
    if k == 'R':
        return r.choice(REASON)
    if k == 'PO':
        return r.choice(CITY[:27]) + r.choice(['市公安局', '派出所', '公安分局', '刑警队', '经侦支队', '经侦大队'])
    if k == 'RM':
        return num(r.randint(1, 30)) + '栋' + digits(r, r.choice([3, 4])).lstrip('零') + '室'
    if k == 'AD':
        return r.choice([r.choice(CITY[:27]) + '市', '', '']) + r.choice(ROAD + EST) + r.choice(
            [num(r.randint(1, 300)) + '号', num(r.randint(1, 30)) + '栋' + num(r.randint(1, 6)) + '单元' + digits(r, 3) + '室', num(r.randint(1, 30)) + '号楼'])
    raise KeyError(k)


def expand(t, r):
    while '[' in t:
        t = re.sub(r'\[([^\[\]]*)\]', lambda m: r.choice(m.group(1).split('|')), t)
    t = re.sub(r'\{(\w+)\}', lambda m: slot(m.group(1), r), t)
    if r.random() < 0.06:
        t = r.choice(['嗯,', '那个,', '喂,', '哎,', '好的,', '就是,', '那,', '您好,', '不是,', '对,', '哦,']) + t
    return t.translate(FULL)


def templates():
    out = []
    for f in sorted(glob.glob(os.path.join(HERE, 'corpus', '*.txt'))):
        lines = [x.strip() for x in open(f, encoding='utf-8') if x.strip()]
        out += lines * (2 if os.path.basename(f) == 'samples_like.txt' else 1)
    return out


def variety(t):
    n = 1
    for m in re.findall(r'\[([^\[\]]*)\]', t):
        n *= m.count('|') + 1
    return n * 30 ** len(re.findall(r'\{', t))


def main():
    n, seed, out = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    r = random.Random(seed)
    seen = set()
    for f in sys.argv[4:]:
        seen.update(han_only(x) for x in open(f, encoding='utf-8'))
    tp = templates()
    w = [min(variety(t), 40) ** 0.6 for t in tp]
    ch = common_chars.usable()
    res, tries = [], 0
    while len(res) < n and tries < n * 6:
        tries += 1
        k = r.random()
        if k < 0.15:
            s = common_chars.random_text(r, ch)
        else:
            s = expand(r.choices(tp, w)[0], r)
            if r.random() < 0.22:           # two sentences in one turn
                s += expand(r.choices(tp, w)[0], r)
        h = han_only(s)
        if not h or len(s) > 75:
            continue
        if h in seen and (len(h) > 6 or r.random() < 0.7):
            continue
        seen.add(h)
        res.append(s)
    with open(out, 'w', encoding='utf-8') as f:
        f.write('\n'.join(res) + '\n')
    print(len(tp), 'templates', len(res), 'sentences', len(set(res)), 'distinct')


if __name__ == '__main__':
    main()
