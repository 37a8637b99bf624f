"""One short text in four languages, each a translation of the others, made for notebook 5."""

TRANSLATIONS = {
    "English": "A good map leaves things out. One that showed every tree would be as "
    "large as the forest and no easier to read. When I was a child, my grandmother "
    "drew me a map of her village. There were only three houses on it, a river and a "
    "big dog, and I never got lost.",
    "German": "Eine gute Karte lässt Dinge weg. Eine, die jeden Baum zeigte, wäre so "
    "groß wie der Wald und nicht leichter zu lesen. Als ich ein Kind war, zeichnete "
    "mir meine Großmutter eine Karte ihres Dorfes. Es waren nur drei Häuser darauf, "
    "ein Fluss und ein großer Hund, und ich habe mich nie verlaufen.",
    "Russian": "Хорошая карта опускает лишнее. Карта, на которой показано каждое "
    "дерево, была бы такой же большой, как лес, и читать её было бы не легче. Когда я "
    "был ребёнком, бабушка нарисовала мне карту своей деревни. На ней было всего три "
    "дома, река и большая собака, и я ни разу не заблудился.",
    "Hindi": "एक अच्छा नक्शा कुछ चीज़ें छोड़ देता है। जो नक्शा हर पेड़ दिखाए, वह जंगल "
    "जितना बड़ा होगा और पढ़ने में आसान नहीं होगा। जब मैं बच्चा था, मेरी दादी ने मुझे "
    "अपने गाँव का एक नक्शा बनाकर दिया। उस पर केवल तीन घर, एक नदी और एक बड़ा "
    "कुत्ता था, और मैं कभी रास्ता नहीं भूला।",
}
