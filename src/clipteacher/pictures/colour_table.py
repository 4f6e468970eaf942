"""The colours of class names: written by tools/choose_colours.py, which says how they are chosen."""

from typing import Final

KNOWN: Final = """
ff4c66 aeroplane; ff4c66 airplane; 4c4cb2 animal; 4c6600 apparel; b2001a apple; cc6680 arcade machine; 33b266 armchair
4cb299 ashcan; ff99b2 awning; 803300 backpack; 990000 bag; b28000 ball; b2ff99 balloon; ffdd33 banana; e6e666 banner
e6ccff bannister; 00e666 bar; ffcc80 barrel; 804ce6 base; cc99e6 baseball bat; 996699 baseball glove; cce666 basket
4ccc66 bathtub; debc8c beach; b28099 bear; 00ffcc bed; 1a6680 bedclothes; 80004c bench; 00ff33 bicycle; 00ff33 bike
4c3366 bird; 661ae6 blanket; 9980e6 blind; 1a6666 boat; b20099 body; 009980 book; 998033 bookcase; ffb2e6 booth
99ccff bottle; b280b2 bowl; 806633 box; cc4c4c branch; b24c33 brick wall; 4c33b2 bridge; 1a8033 broccoli
ff66ff buffet; 00e6e6 building; 4cb266 building other; b280b2 bulletin board; b20099 bus; 446622 bush; cccc00 cabinet
e6ccff cage; ff99b2 cake; e6b2cc canopy; 0000e6 car; e6b233 cardboard; 8066b2 carpet; e66600 carrot; 800066 case
cc6600 cat; cc3399 ceiling; cc3399 ceiling other; 80e6b2 ceiling tile; ccff66 cell phone; 66804c chair
e69980 chandelier; 80994c chest of drawers; 804c80 clock; ff66ff cloth; 996680 clothes; b2ccff cloud; b2cce6 clouds
99b280 coffee table; 808000 column; 994c00 computer; b2ffe6 conveyer belt; b20033 couch; 00664c counter
b299cc countertop; ccb266 cow; 4cff99 cradle; b2664c crt screen; 1a9900 cup; cc33e6 cupboard; 660099 curtain
9900cc cushion; 336633 desk; 00ffe6 desk stuff; 8877aa dining table; 8877aa diningtable; 966442 dirt
b28066 dirt track; 996680 dishwasher; ccffb2 dog; 1a4c33 donut; cc99b2 door; 22bbcc door stuff; 966442 earth
80b299 elephant; cc3333 escalator; ffb299 face; cccc66 fan; e60066 fence; b2b24c field; e61a1a fire hydrant
8099e6 fireplace; 228855 fish; cccc99 flag; e6334c floor; ffb2e6 floor marble; b2ffe6 floor other; ff80b2 floor stone
66e6cc floor tile; b2804c floor wood; e666b2 flower; c4ccd4 fog; ff994c food; 1a6633 food other; 1a4c1a forest
6666cc fork; 804c33 fountain; 9999cc frisbee; 4c4cff fruit; b299ff furniture other; 00994c giraffe; cc4cb2 glass
80cccc grandstand; 80b21a grass; b0a090 gravel; aa8866 ground; aa8866 ground other; 801a33 hair drier; 996666 handbag
669966 hill; 999900 hood; 4c9999 horse; ffccb2 hot dog; 4cccb2 house; 009933 hovel; 9900cc keyboard
996699 kitchen island; cc9966 kite; 4c6699 knife; 4c66cc lake; 6666ff lamp; b233cc land; ff3333 laptop; 80b21a lawn
44aa33 leaves; ffe680 light; 804c66 mat; cc99b2 metal; 80001a microwave; 00ffe6 minibike; 4c9999 mirror
ccff00 mirror stuff; 804cb2 monitor; 808033 moss; ff99cc motorbike; ff99cc motorcycle; 9966cc mountain; ffcc80 mouse
804c33 mud; 998000 mushroom; cc80e6 napkin; b2ffcc net; 0066b2 ocean; ff8000 orange; 0099cc ottoman; 66e6ff oven
1a801a painting; 228855 palm; b280cc paper; e6994c parking meter; b29980 path; 9a8fa0 pavement; 4c4c00 pedestrian
4c4c00 people; 4c4c00 person; ccb2e6 pier; 0033ff pillow; 0080cc pizza; ff4c66 plane; 55aa22 plant; 66bb44 plant other
99cc80 plastic; cc804c plate; b2b2e6 platform; 4ccc1a playingfield; bb9955 plaything; 4c3366 pole; 996600 pool table
1a80b2 poster; ccff4c pot; 00b280 potted plant; 00b280 pottedplant; 4c4cff radiator; 004ccc railing; e66699 railroad
00e699 refrigerator; 99994c remote; cc4c00 rider; 338099 river; 6e7488 road; 888078 rock; 991a66 roof; 004c80 rug
99e680 runway; 99cc4c salad; debc8c sand; 3399b2 sandwich; cc9980 scissors; ccb21a sconce; ff664c screen
996666 screen door; 99e6b2 sculpture; 0066b2 sea; 33cc00 seat; e8dcc8 sheep; 1a3399 shelf; 6666b2 shelves; 1a4c33 ship
ccb266 shower; b29999 sidewalk; 804c4c sign; 804c4c signboard; 1a6680 sink; b21ae6 skateboard; 4cff99 skis; 00b2ff sky
00b2ff sky other; 4c99ff skyscraper; e6e6e6 snow; ff8080 snowboard; b20033 sofa; 966442 soil; cccc99 solid other
4c4cb2 spoon; cc6680 sports ball; ffccb2 stage; 664c1a stairs; 80e6cc stairway; cc6633 step; 999999 stone
ffb24c stool; cc0033 stop sign; b2b2ff stove; cccc66 straw; 6e7488 street; ff0099 streetlight; ff661a structural other
9980e6 suitcase; ffe61a sun; ffcce6 surfboard; 33b2cc swimming pool; ffdd33 swivel chair; b21a66 table; cc99e6 tank
00e666 teddy bear; 99ffff television; 99ffff television receiver; 00cccc tennis racket; 6680ff tent; b2994c terrain
994c4c textile other; 804ccc tie; 3380e6 toaster; 663333 toilet; 8066ff toothbrush; 664c99 towel; ccffb2 tower
334c80 track; b21a4c trade name; e6e699 traffic light; 804c4c traffic sign; 0066ff train; b24ce6 tray; 1a4c1a tree
80cc99 truck; 99ffff tv; 99ffff tvmonitor; 991a4c umbrella; e68000 van; 663380 vase; 669933 vegetable
338833 vegetation; b280cc wall; cc3300 wall brick; 4c00b2 wall concrete; 804c4c wall other; 228855 wall panel
800066 wall stone; ff1a80 wall tile; 804c1a wall wood; cc9966 wardrobe; 801a33 washer; 0080e6 water
3399cc water other; ffb24c waterdrops; 6699b2 waterfall; ffb2b2 window; 994c80 window blind; 99e680 window other
ff6699 windowpane; 4ccc66 wine glass; 99661a wood; 8099e6 zebra
"""
"""Names that have a colour of their own, after it."""

OTHERS: Final = """
0000e6 99ff00 ffcce6 1a4c00 00b2ff cc8000 cc1a4c 669980 8877aa ffe6b2 006699 ff9980 800066 ff1acc 804c33 b2e6cc
806600 ccb200 1a6666 4c80ff b2ccff e68099 9933cc 00b24c 33ffff cc4c33 ffb266 00804c 801a33 00b2b2 996666 cc99cc
b24c80 b28066 990000 664c80 334cff 334c99 00e6b2 004c33 e6e666 99804c ff3380 80cc4c cc661a 66334c e680ff 338099
ccff99 b2cc99 66cce6 b28099 999933 ffb2b2 6666b2 0080cc cc4cff 660099 cc9966 9999e6 b20080 ff6633 66cc80 004c66
ff66b2 338080 99e6e6 33664c 0099cc 1a9966 ff99e6 996699 4cb299 668033 99ffcc 00e633 cc00b2 00661a 333380 80ff80
4c33b2 804c66 b2994c ffcc99 cc9980 ccb2ff e6cc80 cc1a00 9980e6 801a4c 4c8066 6633e6 cccc00 99e699 b26680 6666e6
66cccc 80ccb2 ffcc4c 99334c 99e6ff 801a1a 3399b2 99ffe6 994cff e69933 999966 804c99 66b2cc 8000cc 00e6cc 99801a
cc1ae6 663333 ccff66 b2cc66 9900ff b2001a ccb266 e64c4c 4ccc99 cc3333 ffe64c 00cc33 e60080 debc8c 994c66 009933
66b266 33ccff 66ffb2 99b24c cc4c99 99331a 0066cc b26600 b20033 991a66 ffb2cc 66e680 cc99e6 66b21a ffe680 9966cc
003399 336633 4c00b2 66331a b2004c e63366 99e64c 8033b2 ff0000 ff8000 cc0033 ff4ce6 e64cb2 ff80b2 e6e699 4c00ff
b2e6b2 663380 33e6e6 cc9900 0033e6 ff3333 b280ff 00ffe6 bb4422 008033 00ff66 993380 e69999 0080b2 9980cc 804cb2
800000 ccb2e6 0099e6 009980 cce61a e666b2 994c99 b299ff cc4c66 99ffff 990033 b20099 e64ce6 994c1a ff1a4c 00ff99
8099cc 803366 66804c cccc4c ffb2e6 cc804c ccb280 e66699 b200cc e66666 e69966 4466bb 661a80 66b2b2 e6004c 2a8fc4
004ce6 80994c 33994c 4c3366 1a66e6 e61ab2 e6cc66 ffb280 994c00 ff9933 80b299 b2cc80 6600cc 446622 ff0099 66991a
66e666 4c4c00 ff4c66 8000b2 669966 e63380 801a99 3388aa 99004c e6331a ff664c 808000 33ccb2 e64c80 ff8080 b2664c
ffb299 99cc33 994ce6 aa7755 ffe600 b29900 1a6600 bb9955 661aff 00ff1a 80ff4c 6600e6 4c66ff cc334c ccff33 88bb44
"""
"""Colours of all other names."""
