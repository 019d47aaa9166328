"""What people call the emotions, in some languages: for suggestions, and never for labels."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

EMOTION_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "angry": (
            "mad rage furious annoyed irritated wütend wut ärger zornig kızgın öfke öfkeli sinirli enojado "
            "enfadado enfado enojo ira colère furieux arrabbiato rabbia raiva zangado boos woede zły złość "
            "arg sint злость злой гнев сердитый 生气 愤怒 憤怒 生氣 怒り 怒 화남 분노 غضب غاضب"
        ),
        "disgust": (
            "disgusts ekel angewidert iğrenme tiksinme tiksinti asco asqueado dégoût dégoûté disgusto nojo "
            "walging wstręt obrzydzenie отвращение 厌恶 厭惡 嫌悪 혐오 اشمئزاز"
        ),
        "fear": (
            "afraid scared scare frightened terror angst furcht ängstlich korku korkmuş miedo asustado temor "
            "peur paura spaventato medo bang strach страх испуг 恐惧 恐懼 害怕 恐怖 恐れ 두려움 공포 خوف "
            "خائف"
        ),
        "happy": (
            "joy joyful smile smiling glücklich freude fröhlich froh mutlu mutluluk sevinç feliz felicidad "
            "alegría alegre contento heureux joie content felice felicità allegria felicidade alegria blij "
            "geluk szczęśliwy szczęście radość glad счастье счастливый радость 开心 高兴 快乐 開心 高興 快樂 "
            "幸せ 喜び 행복 기쁨 سعادة سعيد فرح"
        ),
        "sad": (
            "sorrow unhappy traurig trauer traurigkeit üzgün üzüntü triste tristeza tristesse tristezza "
            "verdrietig verdriet smutny smutek ledsen грусть грустный печаль печальный 悲伤 悲傷 伤心 傷心 "
            "难过 難過 悲しい 悲しみ 슬픔 حزن حزين"
        ),
        "surprise": (
            "surprises shock shocked amazed astonished überrascht überraschung şaşkın şaşkınlık şaşırmış "
            "sürpriz sorpresa sorprendido sorpreso surpris surpresa surpreso verrast verrassing zaskoczenie "
            "zdziwienie förvånad удивление удивленный удивлённый 惊讶 驚訝 吃惊 惊喜 驚き 놀람 مفاجأة متفاجئ"
        ),
        "neutral": (
            "calm natural normal ruhig nötr doğal neutre neutro neutrale neutralny neutraal спокойный "
            "спокойствие нейтральный нейтральное 中性 中立 平静 平靜 自然 無表情 중립 무표정 محايد"
        ),
    }
)
"""Words with blanks between them: English, German, Turkish, Spanish, French, Italian, Portuguese, Dutch, Polish,
Swedish, Russian, Chinese, Japanese, Korean, Arabic: what class folders are called."""
